from dataclasses import dataclass
from datetime import timedelta

from aether.user.v1 import port, types
from aether_user.application.give_tokens import GiveTokens
from aether_user.application.ports import Clock, Ids, Passwords, Throttle, Transactions, UnitOfWork
from aether_user.domain.errors import SignInRefused, UserIsBanned
from aether_user.domain.refresh_token import RefreshToken
from aether_user.domain.session import Session
from aether_user.domain.user import User
from aether_user.domain.values import Password


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(port.SignIn):
    """Opens a session for who knows the password.

    It says and costs the same whether there is no such user or the password is wrong. That a user is banned learns
    only who knows the password.
    """

    transactions: Transactions
    throttle: Throttle
    passwords: Passwords
    give_tokens: GiveTokens
    clock: Clock
    ids: Ids
    session_life: timedelta

    def __call__(self, request: types.SignInRequest, /) -> types.Tokens:
        self.throttle.take(request.login, request.client_address)
        password = Password(request.password)
        found = self.transactions.read(lambda unit: unit.users.by_login(request.login))
        known = self.passwords.match(None if found is None else found.password_hash, password)
        if found is None or not known:
            raise SignInRefused
        user_id, tried = found.id, found.password_hash
        renewed = self.passwords.hash(password) if self.passwords.outdated(tried) else None
        token, session_id, now = RefreshToken.first(), self.ids.next(), self.clock.now()

        def open_session(unit: UnitOfWork) -> tuple[User, Session]:
            # Held, so that a ban comes before this, and is seen, or after it, and revokes what is opened here.
            user = unit.users.hold(user_id)
            if user.banned_at is not None:
                raise UserIsBanned(user.banned_at)
            if renewed is not None and user.password_hash == tried:
                user = unit.users.save(user.with_hash(renewed))
            session = Session.open(session_id, user_id=user_id, token=token, now=now, life=self.session_life)
            return user, unit.sessions.add(session)

        user, session = self.transactions.run(open_session)
        return self.give_tokens(user, session, token, address=request.client_address, now=now)
