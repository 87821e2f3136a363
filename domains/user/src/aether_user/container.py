"""Composition root of the service: builds its objects and passes each what it needs. Only this file uses the injector.

Each object is built once, before its role starts; nothing asks the container for anything while serving. Building
connects to nothing, so `aether check` builds everything too and reports what does not fit.
"""

from aether_adapters.ids import Snowflakes
from aether_adapters.kernel.clock import SystemClock
from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.rest import By, Limits
from aether_adapters.service import wiring
from aether_adapters.service.assembly import Edges, Servers, assemble
from aether_adapters.service.backing import BackingServices
from aether_adapters.service.periodic import Periodic
from aether_adapters.service.revocations import revocation_listener
from aether_adapters.sql import Transactions as SqlTransactions
from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import Dict, Object, Provider, Selector, Singleton
from redis import Redis

from aether.user.v1 import grpc, port, threads
from aether_openapi import user as rest
from aether_user.adapters.consumer import own_handlers, trade_handlers
from aether_user.adapters.events import REVOKED, SOURCE, TOPIC, TRADE_TOPIC, revocation
from aether_user.adapters.leaked import FrequentPasswords
from aether_user.adapters.mail import Letter, reset_messages
from aether_user.adapters.passwords import Argon2Passwords
from aether_user.adapters.published import PublishedKeys
from aether_user.adapters.randomness import SystemRandomness
from aether_user.adapters.redis import RedisCards, RedisPresences
from aether_user.adapters.sealing import KeepSealed, Seal
from aether_user.adapters.sql import unit_of_work
from aether_user.adapters.tables import INBOX, OUTBOX
from aether_user.adapters.throttle import Pace, RedisThrottle
from aether_user.adapters.tokens import EcKeyMaker, JwtSigner
from aether_user.application import ports
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
from aether_user.application.grant_operator import GrantOperator
from aether_user.application.list_sessions import ListSessions
from aether_user.application.load_card import LoadCard
from aether_user.application.present_keys import PresentKeys
from aether_user.application.read_user import ReadUser
from aether_user.application.refresh_tokens import RefreshTokens
from aether_user.application.register import Register
from aether_user.application.request_password_reset import RequestPasswordReset
from aether_user.application.reset_password import ResetPassword
from aether_user.application.seal_keys import SealKeys
from aether_user.application.send_password_resets import SendPasswordResets
from aether_user.application.set_roles import SetRoles
from aether_user.application.sign_in import SignIn
from aether_user.application.sign_out import SignOut
from aether_user.application.sign_out_everywhere import SignOutEverywhere
from aether_user.application.unban_user import UnbanUser
from aether_user.domain import errors
from aether_user.settings import Settings

ERRORS = ErrorTable(
    "user",
    {
        errors.Invalid: Kind.INVALID,
        errors.NotFound: Kind.NOT_FOUND,
        errors.Conflict: Kind.CONFLICT,
        errors.UserHasChanged: Kind.STALE,
        errors.SignInRefused: Kind.UNAUTHENTICATED,
        errors.RefreshTokenRefused: Kind.UNAUTHENTICATED,
        errors.ResetTokenRefused: Kind.UNAUTHENTICATED,
        errors.OldPasswordWrong: Kind.FORBIDDEN,
        errors.UserIsBanned: Kind.FORBIDDEN,
        errors.OperatorsOnly: Kind.FORBIDDEN,
    },
)
EDGES = Edges(grpc=grpc, rest=rest, threads=threads, errors=ERRORS)
API = "aether-user-api"
AT_THE_DOOR = ("signIn", "register", "changePassword", "requestPasswordReset", "resetPassword")
SESSION_PRUNING_SECONDS = 3600.0
KEY_SEALING_SECONDS = 300.0


def limits(client: Redis, settings: Settings) -> Limits:
    """Limit each user and each address; what hashes a password or sends a message is limited more strictly."""
    door = wiring.shared_limit(client, API, "door", By.ADDRESS, settings.door_rate, settings.door_burst)
    everywhere = wiring.caller_limits(client, API, settings)
    return Limits(everywhere=everywhere, operations=dict.fromkeys(AT_THE_DOOR, (door,)))


class Container(DeclarativeContainer):
    settings = Singleton(Settings)
    backing = Singleton(BackingServices, settings)

    # What the use cases need.
    passwords: Provider[ports.Passwords] = Singleton(
        Argon2Passwords,
        passes=settings.provided.hash_passes,
        kibibytes=settings.provided.hash_kibibytes,
        lanes=settings.provided.hash_lanes,
        at_once=settings.provided.hashing,
        waiting=settings.provided.hashes_waiting,
    )
    seal = Singleton(Seal, settings.provided.key_secrets)
    key_maker: Provider[ports.KeyMaker] = Singleton(EcKeyMaker, seal)
    signer: Provider[ports.Signer] = Singleton(
        JwtSigner,
        seal=seal,
        issuer=settings.provided.token_issuer,
        audience=settings.provided.audience,
        seconds=settings.provided.access_seconds,
    )
    transactions: Provider[ports.Transactions] = Singleton(
        SqlTransactions, backing.provided.database, unit_of_work
    )
    account_pace = Singleton(Pace, rate=settings.provided.account_rate, burst=settings.provided.account_burst)
    address_pace = Singleton(Pace, rate=settings.provided.door_rate, burst=settings.provided.door_burst)
    strangers_pace = Singleton(
        Pace, rate=settings.provided.strangers_rate, burst=settings.provided.strangers_burst
    )
    throttle: Provider[ports.Throttle] = Singleton(
        RedisThrottle,
        backing.provided.redis,
        SOURCE,
        settings.provided.key_secrets,
        address=address_pace,
        account=account_pace,
        strangers=strangers_pace,
        known=settings.provided.known,
    )
    reset_pace = Singleton(Pace, rate=settings.provided.reset_rate, burst=settings.provided.reset_burst)
    reset_throttle: Provider[ports.Throttle] = Singleton(
        RedisThrottle,
        backing.provided.redis,
        f"{SOURCE}-reset",
        settings.provided.key_secrets,
        address=address_pace,
        account=reset_pace,
        strangers=reset_pace,
        known=settings.provided.known,
    )
    leaked: Provider[ports.LeakedPasswords] = Singleton(FrequentPasswords)
    letter = Singleton(Letter, sender=settings.provided.mail_from, link=settings.provided.reset_link)
    reset_messages: Provider[ports.ResetMessages] = Singleton(
        reset_messages, settings.provided.mail_url, letter, ca=settings.provided.mail_tls_ca
    )
    presences: Provider[ports.Presences] = Singleton(RedisPresences, backing.provided.redis)
    load_card = Singleton(LoadCard, transactions=transactions)
    cards: Provider[ports.Cards] = Singleton(
        RedisCards, backing.provided.redis, load_card, seconds=settings.provided.card_seconds
    )
    clock: Provider[ports.Clock] = Singleton(SystemClock)
    randomness: Provider[ports.Randomness] = Singleton(SystemRandomness)
    ids: Provider[ports.Ids] = Singleton(Snowflakes, backing.provided.worker_number)

    # The use cases, as the contract calls them.
    present_keys = Singleton(
        PresentKeys,
        transactions=transactions,
        maker=key_maker,
        clock=clock,
        terms=settings.provided.key_terms,
    )
    get_keys = Singleton(GetKeys, keys=present_keys)
    give_tokens = Singleton(GiveTokens, keys=present_keys, signer=signer, presences=presences)
    choose_password = Singleton(ChoosePassword, leaked=leaked)
    end_session = Singleton(EndSession, transactions=transactions, presences=presences, clock=clock)
    service = Singleton(
        port.UserService,
        register=Singleton(
            Register,
            transactions=transactions,
            passwords=passwords,
            choose_password=choose_password,
            clock=clock,
            ids=ids,
        ),
        sign_in=Singleton(
            SignIn,
            transactions=transactions,
            throttle=throttle,
            passwords=passwords,
            give_tokens=give_tokens,
            clock=clock,
            ids=ids,
            randomness=randomness,
            session_life=settings.provided.session_life,
        ),
        refresh_tokens=Singleton(
            RefreshTokens,
            transactions=transactions,
            give_tokens=give_tokens,
            presences=presences,
            clock=clock,
            randomness=randomness,
            session_life=settings.provided.session_life,
        ),
        list_sessions=Singleton(ListSessions, presences=presences, clock=clock),
        sign_out=Singleton(SignOut, end_session=end_session),
        sign_out_everywhere=Singleton(
            SignOutEverywhere, transactions=transactions, presences=presences, clock=clock
        ),
        end_session=end_session,
        change_password=Singleton(
            ChangePassword,
            transactions=transactions,
            throttle=throttle,
            passwords=passwords,
            choose_password=choose_password,
            presences=presences,
            clock=clock,
        ),
        request_password_reset=Singleton(
            RequestPasswordReset, transactions=transactions, throttle=reset_throttle, clock=clock, ids=ids
        ),
        reset_password=Singleton(
            ResetPassword,
            transactions=transactions,
            throttle=throttle,
            passwords=passwords,
            choose_password=choose_password,
            presences=presences,
            clock=clock,
        ),
        get_keys=get_keys,
        get_profile=Singleton(GetProfile, transactions=transactions),
        change_profile=Singleton(ChangeProfile, transactions=transactions, cards=cards, clock=clock),
        get_points=Singleton(GetPoints, transactions=transactions),
        read_user=Singleton(ReadUser, transactions=transactions),
        set_roles=Singleton(SetRoles, transactions=transactions, cards=cards, clock=clock),
        ban_user=Singleton(BanUser, transactions=transactions, presences=presences, cards=cards, clock=clock),
        unban_user=Singleton(UnbanUser, transactions=transactions, cards=cards, clock=clock),
        get_user=Singleton(GetUser, cards=cards),
    )
    grant_operator = Singleton(GrantOperator, transactions=transactions, cards=cards, clock=clock)
    count_points = Singleton(CountPoints, transactions=transactions)
    seal_keys = Singleton(SealKeys, transactions=transactions, seal=seal)
    forget_sessions = Singleton(ForgetSessions, transactions=transactions, clock=clock)
    send_password_resets = Singleton(
        SendPasswordResets,
        transactions=transactions,
        messages=reset_messages,
        clock=clock,
        randomness=randomness,
        life=settings.provided.reset_life,
    )

    # What guards the servers. Tokens are verified with this domain's own keys, and with those at USER_JWKS. A gateway
    # fetches the keys from its rpc role.
    rpc_channel = Singleton(wiring.rpc_channel, settings, SOURCE)
    published = Selector(
        settings.provided.arrangement,
        in_process=Singleton(PublishedKeys, get_keys),
        gateway=Singleton(PublishedKeys, Singleton(grpc.client, rpc_channel).provided.get_keys),
    )
    limits = Singleton(limits, backing.provided.redis, settings)
    verifier = Singleton(wiring.token_verifier, settings, published, pause_seconds=1.0)
    revocations = Singleton(revocation_listener, settings, TOPIC, {REVOKED: revocation}, verifier)

    # The worker: relays the outbox, and consumes user's own events and trade's.
    relay = Singleton(wiring.outbox_relay, backing, outbox=OUTBOX, inbox=INBOX)
    own_events = Singleton(wiring.consumer, backing, SOURCE, [TOPIC], Singleton(own_handlers, cards))
    trade_events = Singleton(
        wiring.consumer, backing, f"{SOURCE}-points", [TRADE_TOPIC], Singleton(trade_handlers, count_points)
    )
    forgetter = Singleton(Periodic, "forget sessions", forget_sessions, SESSION_PRUNING_SECONDS, ERRORS)
    key_sealer = Singleton(
        Periodic, "seal keys", Singleton(KeepSealed, seal_keys), KEY_SEALING_SECONDS, ERRORS
    )
    password_resets = Singleton(Periodic, "password resets", send_password_resets, 1.0, ERRORS)

    # Readiness does not check Redis, because only the list of sessions needs it.
    servers = Singleton(
        Servers, EDGES, service.provider, verifier.provider, limits.provider, revocations.provider
    )
    worker = Dict(
        relay=relay.provider,
        own_events=own_events.provider,
        trade_events=trade_events.provider,
        forget_sessions=forgetter.provider,
        key_sealer=key_sealer.provider,
        password_resets=password_resets.provider,
    )
    roles = Object(frozenset({"api", "rpc", "worker"}))
    process = Singleton(assemble, backing, roles, servers, worker)
