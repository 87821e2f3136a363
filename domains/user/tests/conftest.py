"""The service on memory adapters, as the container puts it together on real ones."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from aether_adapters.testing.memory import MemoryClock, MemoryIds

from aether.common.v1.types import Caller
from aether.user.v1 import port, types
from aether_user.adapters.randomness import SystemRandomness
from aether_user.adapters.sealing import Seal
from aether_user.adapters.tokens import EcKeyMaker, JwtSigner
from aether_user.application.ban_user import BanUser
from aether_user.application.change_password import ChangePassword
from aether_user.application.change_profile import ChangeProfile
from aether_user.application.choose_password import ChoosePassword
from aether_user.application.count_points import CountPoints
from aether_user.application.end_session import EndSession
from aether_user.application.forget_sessions import ForgetSessions
from aether_user.application.get_keys import GetKeys
from aether_user.application.get_points import GetPoints
from aether_user.application.get_profile import GetProfile
from aether_user.application.get_user import GetUser
from aether_user.application.give_tokens import GiveTokens
from aether_user.application.list_sessions import ListSessions
from aether_user.application.load_card import LoadCard
from aether_user.application.ports import Clock, Passwords
from aether_user.application.present_keys import PresentKeys
from aether_user.application.read_user import ReadUser
from aether_user.application.refresh_tokens import RefreshTokens
from aether_user.application.register import Register
from aether_user.application.request_password_reset import RequestPasswordReset
from aether_user.application.reset_password import ResetPassword
from aether_user.application.send_password_resets import SendPasswordResets
from aether_user.application.set_roles import SetRoles
from aether_user.application.sign_in import SignIn
from aether_user.application.sign_out import SignOut
from aether_user.application.sign_out_everywhere import SignOutEverywhere
from aether_user.application.unban_user import UnbanUser
from aether_user.domain.keys import Terms

from .memory import (
    FewLeaked,
    MemoryCards,
    MemoryMessages,
    MemoryPresences,
    MemoryThrottle,
    MemoryTransactions,
    PlainPasswords,
)

TERMS = Terms(term=timedelta(days=30), lead=timedelta(minutes=15), keep=timedelta(minutes=6))
LIFE = timedelta(days=14)
RESET_LIFE = timedelta(minutes=30)
TRIES = 5
PASSWORD = "correct horse"
OPERATOR = Caller(subject="9000", roles=("operator",), session="")


@dataclass(frozen=True)
class World:
    """The whole service on memory adapters, with what a test controls."""

    service: port.UserService
    keys: PresentKeys
    count_points: CountPoints
    forget_sessions: ForgetSessions
    send_password_resets: SendPasswordResets
    messages: MemoryMessages
    transactions: MemoryTransactions
    passwords: PlainPasswords
    clock: MemoryClock

    def register(self, username: str = "ada", mobile: str = "+8613800138000") -> types.Profile:
        return self.service.register(
            types.RegisterRequest(username=username, mobile=mobile, password=PASSWORD)
        )

    def sign_in(
        self, login: str = "ada", password: str = PASSWORD, address: str = "192.0.2.1"
    ) -> types.Tokens:
        request = types.SignInRequest(login=login, password=password, client_address=address)
        return self.service.sign_in(request)

    def refresh(self, token: str) -> types.Tokens:
        request = types.RefreshTokensRequest(refresh_token=token, client_address="192.0.2.2")
        return self.service.refresh_tokens(request)

    def session_of(self, caller: Caller) -> str:
        """Return the id of the session that was opened last."""
        sessions = self.service.list_sessions(types.ListSessionsRequest(caller=caller)).sessions
        return str(sessions[0].id)


def caller(user: types.Profile, session: str = "") -> Caller:
    """Return the caller that the edges would make of this user."""
    return Caller(subject=str(user.id), roles=user.roles, session=session)


def a_world(clock: Clock, passwords: Passwords, tries: int = TRIES) -> World:
    """Return the service with this clock and these passwords."""
    transactions, ids = MemoryTransactions(), MemoryIds()
    presences = MemoryPresences()
    cards = MemoryCards(LoadCard(transactions=transactions))
    signer = JwtSigner(seal=Seal([""]), issuer="tests", audience="aether", seconds=300)
    keys = PresentKeys(transactions=transactions, maker=EcKeyMaker(Seal([""])), clock=clock, terms=TERMS)
    give = GiveTokens(keys=keys, signer=signer, presences=presences)
    throttle = MemoryThrottle(address=tries, account=tries, strangers=tries)
    choose = ChoosePassword(leaked=FewLeaked())
    end_session = EndSession(transactions=transactions, presences=presences, clock=clock)
    messages = MemoryMessages()
    service = port.UserService(
        register=Register(
            transactions=transactions, passwords=passwords, choose_password=choose, clock=clock, ids=ids
        ),
        sign_in=SignIn(
            transactions=transactions,
            throttle=throttle,
            passwords=passwords,
            give_tokens=give,
            clock=clock,
            ids=ids,
            randomness=SystemRandomness(),
            session_life=LIFE,
        ),
        refresh_tokens=RefreshTokens(
            transactions=transactions,
            give_tokens=give,
            presences=presences,
            clock=clock,
            randomness=SystemRandomness(),
            session_life=LIFE,
        ),
        list_sessions=ListSessions(presences=presences, clock=clock),
        sign_out=SignOut(end_session=end_session),
        sign_out_everywhere=SignOutEverywhere(transactions=transactions, presences=presences, clock=clock),
        end_session=end_session,
        change_password=ChangePassword(
            transactions=transactions,
            throttle=throttle,
            passwords=passwords,
            choose_password=choose,
            presences=presences,
            clock=clock,
        ),
        request_password_reset=RequestPasswordReset(
            transactions=transactions,
            throttle=MemoryThrottle(address=tries, account=tries, strangers=tries),
            clock=clock,
            ids=ids,
        ),
        reset_password=ResetPassword(
            transactions=transactions,
            throttle=throttle,
            passwords=passwords,
            choose_password=choose,
            presences=presences,
            clock=clock,
        ),
        get_keys=GetKeys(keys=keys),
        get_profile=GetProfile(transactions=transactions),
        change_profile=ChangeProfile(transactions=transactions, cards=cards, clock=clock),
        get_points=GetPoints(transactions=transactions),
        read_user=ReadUser(transactions=transactions),
        set_roles=SetRoles(transactions=transactions, cards=cards, clock=clock),
        ban_user=BanUser(transactions=transactions, presences=presences, cards=cards, clock=clock),
        unban_user=UnbanUser(transactions=transactions, cards=cards, clock=clock),
        get_user=GetUser(cards=cards),
    )
    return World(
        service=service,
        keys=keys,
        count_points=CountPoints(transactions=transactions),
        forget_sessions=ForgetSessions(transactions=transactions, clock=clock),
        send_password_resets=SendPasswordResets(
            transactions=transactions,
            messages=messages,
            clock=clock,
            randomness=SystemRandomness(),
            life=RESET_LIFE,
        ),
        messages=messages,
        transactions=transactions,
        passwords=passwords,  # type: ignore[arg-type]  # only some tests turn it
        clock=clock,  # type: ignore[arg-type]
    )


@pytest.fixture
def world() -> World:
    return a_world(MemoryClock(), PlainPasswords())
