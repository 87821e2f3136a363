"""The user aggregate."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from aether_user.domain.errors import UserAlreadyBanned, UserHasChanged, UserNotBanned
from aether_user.domain.events import (
    SessionsRevoked,
    UserBanned,
    UserChanged,
    UserEvent,
    UserRegistered,
    UserUnbanned,
)
from aether_user.domain.values import DisplayName, Email, Mobile, Role, Status, Username


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user. It is immutable: each change returns a new one, which carries its events.

    `version` is 0 until the user is stored, and rises by one with each save. `events` are not stored yet: empty on
    load, and not part of equality.
    """

    id: int
    username: Username
    mobile: Mobile
    email: Email | None = None
    display_name: DisplayName
    password_hash: str = field(repr=False)
    roles: frozenset[Role] = frozenset({Role.CUSTOMER})
    created_at: datetime
    banned_at: datetime | None = None
    version: int = 0
    events: tuple[UserEvent, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def register(
        cls,
        user_id: int,
        *,
        username: Username,
        mobile: Mobile,
        email: Email | None,
        display_name: DisplayName,
        password_hash: str,
        now: datetime,
    ) -> Self:
        """Return a new user, who is a customer."""
        registered = UserRegistered(user_id=user_id, username=username, occurred_at=now)
        return cls(
            id=user_id,
            username=username,
            mobile=mobile,
            email=email,
            display_name=display_name,
            password_hash=password_hash,
            created_at=now,
            events=(registered,),
        )

    @property
    def status(self) -> Status:
        return Status.ACTIVE if self.banned_at is None else Status.BANNED

    def change_profile(
        self, *, version: int, display_name: DisplayName, email: Email | None, now: datetime
    ) -> Self:
        """Return the user with this name and e-mail. Raises `UserHasChanged` if `version` is not current."""
        self._check_version(version)
        changed = UserChanged(user_id=self.id, occurred_at=now)
        return replace(self, display_name=display_name, email=email, events=(*self.events, changed))

    def set_roles(self, roles: frozenset[Role], *, version: int, now: datetime) -> Self:
        """Return the user with these roles, and revoke access tokens. Raises `UserHasChanged`."""
        self._check_version(version)
        changed = UserChanged(user_id=self.id, occurred_at=now)
        return replace(self, roles=roles, events=(*self.events, changed, self._signed_out(now)))

    def ban(self, *, now: datetime) -> Self:
        """Return the banned user, and revoke access tokens. Raises `UserAlreadyBanned`."""
        if self.banned_at is not None:
            raise UserAlreadyBanned(self.id, self.banned_at)
        banned = UserBanned(user_id=self.id, occurred_at=now)
        return replace(self, banned_at=now, events=(*self.events, banned, self._signed_out(now)))

    def unban(self, *, now: datetime) -> Self:
        """Return the user without the ban. Raises `UserNotBanned`."""
        if self.banned_at is None:
            raise UserNotBanned(self.id)
        unbanned = UserUnbanned(user_id=self.id, occurred_at=now)
        return replace(self, banned_at=None, events=(*self.events, unbanned))

    def sign_out_everywhere(self, *, now: datetime) -> Self:
        """Return the user with an event that revokes all access tokens."""
        return replace(self, events=(*self.events, self._signed_out(now)))

    def with_hash(self, password_hash: str) -> Self:
        """Return the user with another hash of the same password."""
        return replace(self, password_hash=password_hash)

    def stored(self) -> Self:
        """Return the user as stored: one version later, without its events."""
        return replace(self, version=self.version + 1, events=())

    def _check_version(self, version: int) -> None:
        if version != self.version:
            raise UserHasChanged(self.id, version)

    def _signed_out(self, now: datetime) -> SessionsRevoked:
        return SessionsRevoked(user_id=self.id, session_id=None, occurred_at=now)
