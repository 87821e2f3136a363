"""A session: a family of refresh tokens, of which one at a time is good."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Self

from aether_user.domain.errors import RefreshTokenRefused
from aether_user.domain.events import SessionsRevoked
from aether_user.domain.refresh_token import RefreshToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somewhere a user is signed in. `handle` and `secret` are digests of its present refresh token.

    `version` counts what was stored, from 1; `events` are those not stored yet, and no part of equality.
    """

    id: int
    user_id: int
    handle: str = field(repr=False)
    secret: str = field(repr=False)
    opened_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    version: int = 0
    events: tuple[SessionsRevoked, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def open(
        cls, session_id: int, *, user_id: int, token: RefreshToken, now: datetime, life: timedelta
    ) -> Self:
        """A new one, whose first token is `token`."""
        return cls(
            id=session_id,
            user_id=user_id,
            handle=token.handle_digest,
            secret=token.secret_digest,
            opened_at=now,
            expires_at=now + life,
        )

    def spend(self, token: RefreshToken, *, following: RefreshToken, now: datetime, life: timedelta) -> Self:
        """The session after `token` was presented.

        With the present token it goes on for another `life`, and `following` is good from now on. With one that
        was used before it is revoked: two hold tokens of this session, and nobody can tell which of them is the
        user. Raises `RefreshTokenRefused` where it is over already.
        """
        if self.revoked_at is not None or now >= self.expires_at:
            raise RefreshTokenRefused
        if not compare_digest(token.secret_digest, self.secret):
            return self.revoke(now=now)
        return replace(self, secret=following.secret_digest, expires_at=now + life)

    def revoke(self, *, now: datetime) -> Self:
        """The same, over; the same itself where it was over before."""
        if self.revoked_at is not None:
            return self
        revoked = SessionsRevoked(user_id=self.user_id, session_id=self.id, occurred_at=now)
        return replace(self, revoked_at=now, events=(*self.events, revoked))

    def stored(self) -> Self:
        """The same as the store keeps it: one version on, its events handed over."""
        return replace(self, version=self.version + 1, events=())
