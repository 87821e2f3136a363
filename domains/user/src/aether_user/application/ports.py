"""Driven ports: what the use cases need, named for its role. `adapters/` implements them.

Every implementation passes the same contract suite, `tests/test_ports.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeVar

from aether_user.domain.keys import KeyRing, SigningKey
from aether_user.domain.password_reset import PasswordReset, ResetRequest, ResetToken
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

    def revoke_all(self, user_id: int, /, *, now: datetime, but: int | None = None) -> None:
        """Revoke every open session of a user, except the one with the id `but`.

        Stores no events: the user's own event covers them.
        """
        ...

    def forget_expired(self, before: datetime, /) -> int:
        """Delete sessions that expired before then, at most a thousand. Return how many."""
        ...


class ResetRequests(Protocol):
    """The requests to reset a password that are not handled yet."""

    def add(self, request: ResetRequest, /) -> None: ...

    def waiting(self, now: datetime, /) -> bool:
        """Return whether a request is due."""
        ...

    def take(self, now: datetime, /, *, again_at: datetime) -> ResetRequest | None:
        """Return the request that has been due longest, and make it due again at `again_at`; None if none is due.

        Of two concurrent calls one takes it.
        """
        ...

    def remove(self, request_id: int, /) -> None: ...


class Resets(Protocol):
    """The resets that a token was sent for."""

    def add(self, reset: PasswordReset, /) -> None: ...

    def by_digest(self, digest: str, /) -> PasswordReset | None:
        """Return the reset whose token has this digest, also an expired one, or None."""
        ...

    def remove_all(self, user_id: int, /) -> None:
        """Delete those of a user, so that no token is good any more."""
        ...

    def forget_expired(self, before: datetime, /) -> None:
        """Delete those that expired before then."""
        ...


class Keys(Protocol):
    """The signing keys."""

    def ring(self) -> KeyRing: ...

    def add(self, key: SigningKey, /) -> None:
        """Store a new key. Raises `KeysHaveChanged` if its number exists: one of two concurrent calls succeeds."""
        ...

    def reseal(self, key: SigningKey, private_pem: str, /) -> bool:
        """Store the key's private half encrypted anew. Return False if it is no longer stored as `key` has it."""
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
    resets: Resets
    reset_requests: ResetRequests
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
    """Slow password hashes. The time taken reveals nothing about the password or its owner.

    Some room is kept for `trusted` calls: of a user who is signed in, or at an address that the account knows.
    """

    def hash(self, password: Password, /, *, trusted: bool = False) -> str:
        """Return a hash to store, which contains its parameters. Raises `Exhausted` if too many are being hashed."""
        ...

    def match(self, password_hash: str | None, password: Password, /, *, trusted: bool = False) -> bool:
        """Return whether the hash is the password's. For None it is False, after the same time.

        Raises `Exhausted` as `hash` does.
        """
        ...

    def admit(self) -> None:
        """Raise `Exhausted` if no password can be hashed now. It reserves nothing: `hash` and `match` may still raise it."""
        ...

    def outdated(self, password_hash: str, /) -> bool:
        """Return whether the hash was made with other than the current parameters."""
        ...


class LeakedPasswords(Protocol):
    """The passwords that attackers try first, because many people had them when they leaked."""

    def include(self, password: Password, /) -> bool:
        """Return whether one of the password's stems is one of them. It does not know every leaked password."""
        ...


class ResetMessages(Protocol):
    """Messages to users who have forgotten their passwords."""

    def send(self, email: str, /, *, username: str, token: ResetToken, expires_at: datetime) -> None:
        """Send the token to the address. Raises `Unavailable` if that is not possible now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key pair on P-256, as created by a `KeyMaker`."""

    kid: str
    x: str
    y: str
    private_pem: str = field(repr=False)


class KeyMaker(Protocol):
    def make(self) -> NewKey:
        """Return a new unique key pair."""
        ...


class KeySeal(Protocol):
    """Encrypts the private halves of stored keys."""

    def renew(self, private_pem: str, /) -> str | None:
        """Return the private half encrypted with the present secret, or None if it already is.

        Raises `ValueError` if no secret decrypts it.
        """
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

    def take(self, login: str, address: str, /) -> bool:
        """Count an attempt at this account, whether it exists or not, from this address.

        Return whether the account knows the address.

        Raises `Exhausted` if none is left for the address, for the account at this address, or, unless the account
        knows the address, for the account at all addresses that it does not know; but not because a server is down.
        """
        ...

    def remember(self, logins: tuple[str, ...], address: str, /) -> None:
        """Let the account with these login names know the address for some days, because its user was there.

        So the attempts of others elsewhere do not keep the user out. It may be lost if the store is down.
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


SESSIONS_SHOWN: Final = 100
"""Sessions of one user that are listed; further ones go on, and end with all the others."""


class Presences(Protocol):
    """The open sessions that a user is shown, the newest `SESSIONS_SHOWN`. It may lose some; noting one again restores it.

    Without this bound, whoever signs in again and again would make a list that no server can send.
    """

    def note(self, user_id: int, presence: Presence, /) -> None:
        """Store or replace a session. It may be lost if the store is down."""
        ...

    def gone(self, user_id: int, session_id: int | None, /, *, but: int | None = None) -> None:
        """Remove a session, or all of the user's for None, except `but`. It may be lost if the store is down."""
        ...

    def of(self, user_id: int, /, *, now: datetime) -> tuple[Presence, ...]:
        """Return the newest sessions that have not expired, newest first. Raises `Unavailable` if the store is down."""
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


class Randomness(Protocol):
    def text(self, size_bytes: int, /) -> str:
        """Return so many random bytes in base64url. Nobody can guess them."""
        ...
