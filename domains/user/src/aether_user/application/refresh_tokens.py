from dataclasses import dataclass
from datetime import timedelta

from aether.user.v1 import port, types
from aether_user.application.give_tokens import GiveTokens
from aether_user.application.ports import Clock, Presences, Randomness, Transactions, UnitOfWork
from aether_user.domain.errors import RefreshTokenRefused
from aether_user.domain.refresh_token import RefreshToken
from aether_user.domain.session import Session
from aether_user.domain.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokens(port.RefreshTokens):
    """Exchanges a refresh token for a new pair, or ends the session if the token was used before."""

    transactions: Transactions
    give_tokens: GiveTokens
    presences: Presences
    clock: Clock
    randomness: Randomness
    session_life: timedelta

    def __call__(self, request: types.RefreshTokensRequest, /) -> types.Tokens:
        token = RefreshToken.parse(request.refresh_token)
        if token is None:
            raise RefreshTokenRefused
        following, now = token.next(self.randomness.text), self.clock.now()

        def spend(unit: UnitOfWork) -> tuple[User, Session]:
            owned = unit.sessions.by_handle(token.handle_digest)
            if owned is None:
                raise RefreshTokenRefused
            # Lock the user before reading the session again: this serializes two uses of one token.
            user = unit.users.hold(owned.user_id)
            session = unit.sessions.get(owned.id)
            if session is None or user.banned_at is not None:
                raise RefreshTokenRefused
            spent = session.spend(token, following=following, now=now, life=self.session_life)
            return user, unit.sessions.save(spent)

        user, session = self.transactions.run(spend)
        if session.revoked_at is not None:
            # Raise after the commit: the revocation must be stored, not rolled back.
            self.presences.gone(user.id, session.id)
            raise RefreshTokenRefused
        return self.give_tokens(user, session, following, address=request.client_address, now=now)
