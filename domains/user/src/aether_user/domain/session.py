"""A session: a family of refresh tokens, of which one at a time is valid."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Self

from aether_user.domain.errors import RefreshTokenRefused
from aether_user.domain.events import SessionsRevoked
from aether_user.domain.refresh_token import RefreshToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A user's sign-in on one device. `handle` and `secret` are digests of its current refresh token.

    `version` is 0 until it is stored, and rises by one with each save; `events` are not stored yet, and not part of
    equality.
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
        """Return a new session, whose first token is `token`."""
        return cls(
            id=session_id,
            user_id=user_id,
            handle=token.handle_digest,
            secret=token.secret_digest,
            opened_at=now,
            expires_at=now + life,
        )

    def spend(self, token: RefreshToken, *, following: RefreshToken, now: datetime, life: timedelta) -> Self:
        """Return the session after `token` was used.

        The current token extends it by `life`, and `following` becomes valid. A token that was used before revokes it:
        two parties hold tokens of this session, and nobody can tell which of them is the user.
        Raises `RefreshTokenRefused` if the session has expired or was revoked.
        """
        if self.revoked_at is not None or now >= self.expires_at:
            raise RefreshTokenRefused
        if not compare_digest(token.secret_digest, self.secret):
            return self.revoke(now=now)
        return replace(self, secret=following.secret_digest, expires_at=now + life)

    def revoke(self, *, now: datetime) -> Self:
        """Return the revoked session. No change if it is already revoked."""
        if self.revoked_at is not None:
            return self
        revoked = SessionsRevoked(user_id=self.user_id, session_id=self.id, occurred_at=now)
        return replace(self, revoked_at=now, events=(*self.events, revoked))

    def stored(self) -> Self:
        """Return the session as stored: one version later, without its events."""
        return replace(self, version=self.version + 1, events=())
