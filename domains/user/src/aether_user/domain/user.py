"""The user aggregate."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Self

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

NEW_EMAIL_SETTLES_IN: Final = timedelta(days=1)
"""How long a token to reset the password is still sent to the former address."""


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
    former_email: Email | None = None
    email_changed_at: datetime | None = None
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

    @property
    def logins(self) -> tuple[str, ...]:
        """The names that the user may sign in with."""
        return (self.username.folded, self.mobile.text)

    def change_profile(
        self, *, version: int, display_name: DisplayName, email: Email | None, now: datetime
    ) -> Self:
        """Return the user with this name and e-mail. Raises `UserHasChanged` if `version` is not current."""
        self._check_version(version)
        changed = UserChanged(user_id=self.id, occurred_at=now)
        return replace(
            self,
            display_name=display_name,
            email=email,
            former_email=self.former_email if email == self.email else self._trusted_email(now),
            email_changed_at=self.email_changed_at if email == self.email else now,
            events=(*self.events, changed),
        )

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

    @property
    def names(self) -> tuple[str, ...]:
        """What the user is called, which is no password."""
        email = () if self.email is None else (self.email.text, self.email.text.partition("@")[0])
        return (self.username.text, self.mobile.text, self.display_name.text, *email)

    def reset_email(self, *, now: datetime) -> Email | None:
        """Return the address that a token to reset the password may be sent to, or None.

        A banned user has none. For a while after a change it is the former address: whoever has stolen an access token
        can change the address, and must neither take the account over with it nor keep the user from resetting.
        """
        return None if self.banned_at is not None else self._trusted_email(now)

    def change_password(self, password_hash: str, *, now: datetime) -> Self:
        """Return the user with the hash of another password, and revoke access tokens."""
        return replace(self, password_hash=password_hash, events=(*self.events, self._signed_out(now)))

    def with_hash(self, password_hash: str) -> Self:
        """Return the user with another hash of the same password."""
        return replace(self, password_hash=password_hash)

    def stored(self) -> Self:
        """Return the user as stored: one version later, without its events."""
        return replace(self, version=self.version + 1, events=())

    def _trusted_email(self, now: datetime) -> Email | None:
        settled = self.email_changed_at is None or now >= self.email_changed_at + NEW_EMAIL_SETTLES_IN
        return self.email if settled else self.former_email

    def _check_version(self, version: int) -> None:
        if version != self.version:
            raise UserHasChanged(self.id, version)

    def _signed_out(self, now: datetime) -> SessionsRevoked:
        return SessionsRevoked(user_id=self.id, session_id=None, occurred_at=now)
