"""What the use cases need of the world, named for its role; `adapters/` meets it.

Every implementation passes the same suite, `tests/test_ports.py`.
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
    """Every user there is."""

    def add(self, user: User, /) -> User:
        """Store a new one and its events; the one returned is as stored.

        Raises `UsernameTaken` and `MobileTaken`, and `UserHasChanged` if it is there itself.
        """
        ...

    def get(self, user_id: int, /) -> User:
        """The one of that id; raises `UserNotFound`."""
        ...

    def hold(self, user_id: int, /) -> User:
        """The same, and nobody else holds or saves it until this unit of work ends."""
        ...

    def by_login(self, login: str, /) -> User | None:
        """The one with this username, in any case, or this mobile."""
        ...

    def save(self, user: User, /) -> User:
        """Store a change and its events; the one returned is as stored.

        Raises `UserHasChanged` when it is not at the version it was loaded with, so that of two changes
        made to one version only the first is kept.
        """
        ...


class Sessions(Protocol):
    """Every session that was opened, with the digest of its present refresh token."""

    def add(self, session: Session, /) -> Session:
        """Store a new one; raises `SessionHasChanged` if it is there."""
        ...

    def get(self, session_id: int, /) -> Session | None: ...

    def by_handle(self, handle: str, /) -> Session | None:
        """The one whose tokens have the handle of this digest."""
        ...

    def save(self, session: Session, /) -> Session:
        """Store a change and its events. Raises `SessionHasChanged` as `Users.save` does."""
        ...

    def revoke_all(self, user_id: int, /, *, now: datetime) -> None:
        """Revoke all of a user that are not over. Tells nobody: that is for the user's own event to do."""
        ...

    def forget_expired(self, before: datetime, /) -> int:
        """Delete those that expired before then, at most a thousand; how many."""
        ...


class Keys(Protocol):
    """The signing keys."""

    def ring(self) -> KeyRing: ...

    def add(self, key: SigningKey, /) -> None:
        """Raises `KeysHaveChanged` if there is one of its number, so that of two who add one, one does."""
        ...

    def remove(self, number: int, /) -> None: ...


class Ledger(Protocol):
    """What each order is worth to whom."""

    def hold(self, order_id: int, /, *, user_id: int) -> OrderPoints:
        """Return the order's entry, an empty one for `user_id` if it is new.

        Nobody else holds it until this unit of work ends, a new one neither.
        """
        ...

    def put(self, entry: OrderPoints, /) -> None:
        """Store a change of an entry that is held."""
        ...

    def balance(self, user_id: int, /) -> int:
        """The sum of a user's points."""
        ...


class Inbox(Protocol):
    """Which events were handled, so that one delivered twice is handled once."""

    def first_time(self, consumer: str, event_id: str, /) -> bool:
        """Note the event; False if this consumer noted it before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfWork:
    """What one transaction can reach."""

    users: Users
    sessions: Sessions
    keys: Keys
    ledger: Ledger
    inbox: Inbox


class Transactions(Protocol):
    """All or nothing: what the work changed is kept if it returns, and forgotten if it raises."""

    def run(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Do the work and commit. It may be run again from the start, so it has no effect elsewhere."""
        ...

    def read(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Do work that changes nothing, without standing in the way of those who do."""
        ...


class Passwords(Protocol):
    """Slow hashes of passwords. How long it takes says nothing about the password or its owner."""

    def hash(self, password: Password, /) -> str:
        """A hash to store, with its parameters in it."""
        ...

    def match(self, password_hash: str | None, password: Password, /) -> bool:
        """Whether it is the password's; never for None, which takes as long to say as any other."""
        ...

    def outdated(self, password_hash: str, /) -> bool:
        """Whether it was made with other parameters than those of today."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key pair on P-256 as a key maker makes it."""

    kid: str
    x: str
    y: str
    private_pem: str


class KeyMaker(Protocol):
    def make(self) -> NewKey:
        """One nobody else has."""
        ...


class Signer(Protocol):
    """Makes access tokens."""

    def sign(
        self, key: SigningKey, /, *, user_id: int, roles: frozenset[Role], session_id: int, now: datetime
    ) -> str:
        """A token of this session that begins at `now` and lives for `seconds`."""
        ...

    @property
    def seconds(self) -> int: ...


class Throttle(Protocol):
    """How often somebody may try to sign in. It is approximate: it protects, it does not account."""

    def take(self, login: str, address: str, /) -> None:
        """Count a try for this account, whether there is such a one or not, and for this address.

        Raises the technical error of its kind where either has none left. A server that is away is no reason.
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
    """The sessions that are open, as their user is shown them. It may forget; noting one again brings it back."""

    def note(self, user_id: int, presence: Presence, /) -> None:
        """Show this session, in place of what was known of it. It may be lost where the store is away."""
        ...

    def gone(self, user_id: int, session_id: int | None, /) -> None:
        """Show this one no longer, or none of them for None. It may be lost where the store is away."""
        ...

    def of(self, user_id: int, /, *, now: datetime) -> tuple[Presence, ...]:
        """Those not expired, the newest first. Raises the technical error of its kind where the store is away."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What other services may know of a user."""

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
    """Users' cards, quick to get: as they are, or as they were a moment ago."""

    def get(self, user_id: int, /) -> Card | None:
        """None where there is no such user."""
        ...

    def forget(self, user_id: int, /) -> None:
        """The user has changed. It may be lost where a cache is away; then the old card ends by itself."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, in UTC, to the microsecond; it may stand still or go back."""
        ...


class Ids(Protocol):
    def next(self) -> int:
        """An id that no other process has or will get, from 1 to 2**63 - 1; later ones are larger, roughly."""
        ...
