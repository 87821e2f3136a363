"""Driven ports: what the use cases need, named for its role. `adapters/` implements them.

Every implementation passes the same contract suite, `tests/test_ports.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from aether_user.domain.keys import KeyRing, SigningKey
from aether_user.domain.points import OrderPoints
from aether_user.domain.session import Session
from aether_user.domain.user import User
from aether_user.domain.values import Password, Role, Status

T = TypeVar("T")


class Users(Protocol):
    """All users."""

    def add(self, user: User, /) -> User:
        """Store a new user and its events. Return it as stored.

        Raises `UsernameTaken`, `MobileTaken`, or `UserHasChanged` if its id is already stored.
        """
        ...

    def get(self, user_id: int, /) -> User:
        """Return the user with this id. Raises `UserNotFound`."""
        ...

    def hold(self, user_id: int, /) -> User:
        """Like `get`, and lock the row until this unit of work ends."""
        ...

    def by_login(self, login: str, /) -> User | None:
        """Return the user with this username, in any case, or this mobile, or None."""
        ...

    def save(self, user: User, /) -> User:
        """Store a change and its events. Return the user as stored.

        Raises `UserHasChanged` if the stored version is not the one it was loaded with: of two changes to one version,
        only the first is stored.
        """
        ...


class Sessions(Protocol):
    """All sessions, with the digest of their current refresh token."""

    def add(self, session: Session, /) -> Session:
        """Store a new session. Raises `SessionHasChanged` if its id is already stored."""
        ...

    def get(self, session_id: int, /) -> Session | None: ...

    def by_handle(self, handle: str, /) -> Session | None:
        """Return the session whose token handle has this digest, or None."""
        ...

    def save(self, session: Session, /) -> Session:
        """Store a change and its events. Raises `SessionHasChanged` as `Users.save` does."""
        ...

    def revoke_all(self, user_id: int, /, *, now: datetime) -> None:
        """Revoke every open session of a user. Stores no events: the user's own event covers them."""
        ...

    def forget_expired(self, before: datetime, /) -> int:
        """Delete sessions that expired before then, at most a thousand. Return how many."""
        ...


class Keys(Protocol):
    """The signing keys."""

    def ring(self) -> KeyRing: ...

    def add(self, key: SigningKey, /) -> None:
        """Store a new key. Raises `KeysHaveChanged` if its number exists: one of two concurrent calls succeeds."""
        ...

    def remove(self, number: int, /) -> None: ...


class Ledger(Protocol):
    """The points of each order."""

    def hold(self, order_id: int, /, *, user_id: int) -> OrderPoints:
        """Return the order's entry, an empty one for `user_id` if it is new.

        Lock it until this unit of work ends, also if it is new.
        """
        ...

    def put(self, entry: OrderPoints, /) -> None:
        """Store a change of a locked entry."""
        ...

    def balance(self, user_id: int, /) -> int:
        """Return the sum of a user's points."""
        ...


class Inbox(Protocol):
    """The events that were handled: one delivered twice is handled once."""

    def first_time(self, consumer: str, event_id: str, /) -> bool:
        """Record the event. Return False if this consumer has already recorded it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfWork:
    """The repositories of one transaction."""

    users: Users
    sessions: Sessions
    keys: Keys
    ledger: Ledger
    inbox: Inbox


class Transactions(Protocol):
    """Runs units of work: commits if the work returns, rolls back if it raises."""

    def run(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Run the work and commit. It may be run more than once, so it must have no effect outside the database."""
        ...

    def read(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Run work that only reads, without blocking writers."""
        ...


class Passwords(Protocol):
    """Slow password hashes. The time taken reveals nothing about the password or its owner."""

    def hash(self, password: Password, /) -> str:
        """Return a hash to store, which contains its parameters."""
        ...

    def match(self, password_hash: str | None, password: Password, /) -> bool:
        """Return whether the hash is the password's. For None it is False, after the same time."""
        ...

    def outdated(self, password_hash: str, /) -> bool:
        """Return whether the hash was made with other than the current parameters."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key pair on P-256, as created by a `KeyMaker`."""

    kid: str
    x: str
    y: str
    private_pem: str


class KeyMaker(Protocol):
    def make(self) -> NewKey:
        """Return a new unique key pair."""
        ...


class Signer(Protocol):
    """Issues access tokens."""

    def sign(
        self, key: SigningKey, /, *, user_id: int, roles: frozenset[Role], session_id: int, now: datetime
    ) -> str:
        """Return a token of this session, valid from `now` for `seconds`."""
        ...

    @property
    def seconds(self) -> int: ...


class Throttle(Protocol):
    """Limits attempts to sign in. It is approximate: it protects, it does not account."""

    def take(self, login: str, address: str, /) -> None:
        """Count an attempt for this account, whether it exists or not, and for this address.

        Raises `Exhausted` if either has none left, but not because a server is down.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Where a session was last seen."""

    session_id: int
    opened_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str


class Presences(Protocol):
    """The open sessions that a user is shown. It may lose some; noting a session again restores it."""

    def note(self, user_id: int, presence: Presence, /) -> None:
        """Store or replace a session. It may be lost if the store is down."""
        ...

    def gone(self, user_id: int, session_id: int | None, /) -> None:
        """Remove a session, or all of the user's for None. It may be lost if the store is down."""
        ...

    def of(self, user_id: int, /, *, now: datetime) -> tuple[Presence, ...]:
        """Return the sessions that have not expired, newest first. Raises `Unavailable` if the store is down."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The data of a user that other services may see."""

    id: int
    username: str
    display_name: str
    status: Status
    roles: frozenset[Role]

    @classmethod
    def of(cls, user: User) -> "Card":
        return cls(
            id=user.id,
            username=user.username.text,
            display_name=user.display_name.text,
            status=user.status,
            roles=user.roles,
        )


class Cards(Protocol):
    """Cached users' cards: current, or a moment old."""

    def get(self, user_id: int, /) -> Card | None:
        """Return the user's card, or None if there is no such user."""
        ...

    def forget(self, user_id: int, /) -> None:
        """Drop a changed user's card. It may be lost if the cache is down; the old card then expires by itself."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time in UTC, to the microsecond. It may stand still or go back."""
        ...


class Ids(Protocol):
    def next(self) -> int:
        """Return a globally unique id, from 1 to 2**63 - 1. Ids increase roughly with time."""
        ...
