from dataclasses import dataclass
from datetime import timedelta

from aether.user.v1 import port, types
from aether_user.application.give_tokens import GiveTokens
from aether_user.application.ports import (
    Clock,
    Ids,
    Passwords,
    Randomness,
    Throttle,
    Transactions,
    UnitOfWork,
)
from aether_user.domain.errors import SignInRefused, UserIsBanned
from aether_user.domain.refresh_token import RefreshToken
from aether_user.domain.session import Session
from aether_user.domain.user import User
from aether_user.domain.values import Password


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(port.SignIn):
    """Opens a session for a user with the right password.

    An unknown user and a wrong password give the same answer and take the same time. Only a caller with the right
    password learns that the user is banned.
    """

    transactions: Transactions
    throttle: Throttle
    passwords: Passwords
    give_tokens: GiveTokens
    clock: Clock
    ids: Ids
    randomness: Randomness
    session_life: timedelta

    def __call__(self, request: types.SignInRequest, /) -> types.Tokens:
        password = Password.typed(request.password)
        self.passwords.admit()  # before an attempt is counted: a rush of others must not use up the user's own
        known = self.throttle.take(request.login, request.client_address)
        found = self.transactions.read(lambda unit: unit.users.by_login(request.login))
        kept = None if found is None else found.password_hash
        matches = self.passwords.match(kept, password, trusted=known)
        if found is None or not matches:
            raise SignInRefused
        user_id, old_hash = found.id, found.password_hash
        new_hash = self.passwords.hash(password, trusted=True) if self.passwords.outdated(old_hash) else None
        token = RefreshToken.first(self.randomness.text)
        session_id, now = self.ids.next(), self.clock.now()

        def open_session(unit: UnitOfWork) -> tuple[User, Session]:
            # Row lock: a ban either precedes this and is seen, or follows it and revokes this session.
            user = unit.users.hold(user_id)
            if user.banned_at is not None:
                raise UserIsBanned(user.banned_at)
            if new_hash is not None and user.password_hash == old_hash:
                user = unit.users.save(user.with_hash(new_hash))
            session = Session.open(session_id, user_id=user_id, token=token, now=now, life=self.session_life)
            return user, unit.sessions.add(session)

        user, session = self.transactions.run(open_session)
        self.throttle.remember(user.logins, request.client_address)
        return self.give_tokens(user, session, token, address=request.client_address, now=now)
