"""Adapters that keep everything in memory: for unit tests, and as quick as they should be.

They store values, as the SQL ones do: a change that nobody saved is not there the next time.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import RLock
from typing import TypeVar

from aether_adapters.kernel.errors import Exhausted

from aether_user.application.ports import Card, Presence, UnitOfWork
from aether_user.domain.errors import (
    KeysHaveChanged,
    MobileTaken,
    SessionHasChanged,
    UserHasChanged,
    UsernameTaken,
    UserNotFound,
)
from aether_user.domain.events import UserEvent
from aether_user.domain.keys import KeyRing, SigningKey
from aether_user.domain.points import OrderPoints
from aether_user.domain.session import Session
from aether_user.domain.user import User
from aether_user.domain.values import Password

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is stored; the containers change, what is in them never does."""

    users: dict[int, User] = field(default_factory=dict)
    sessions: dict[int, Session] = field(default_factory=dict)
    keys: dict[int, SigningKey] = field(default_factory=dict)
    ledger: dict[int, OrderPoints] = field(default_factory=dict)
    inbox: set[tuple[str, str]] = field(default_factory=set)
    outbox: list[UserEvent] = field(default_factory=list)

    def copy(self) -> "State":
        return State(
            users=dict(self.users),
            sessions=dict(self.sessions),
            keys=dict(self.keys),
            ledger=dict(self.ledger),
            inbox=set(self.inbox),
            outbox=list(self.outbox),
        )


class MemoryTransactions:
    """One at a time, each on a copy of the state, which takes its place if the work returns."""

    def __init__(self) -> None:
        self._state = State()
        self._lock = RLock()

    def run(self, work: Callable[[UnitOfWork], T], /) -> T:
        with self._lock:
            draft = self._state.copy()
            result = work(_unit(draft))
            self._state = draft
            return result

    def read(self, work: Callable[[UnitOfWork], T], /) -> T:
        return work(_unit(self._state.copy()))

    @property
    def outbox(self) -> tuple[UserEvent, ...]:
        """The events that were stored, in their order."""
        return tuple(self._state.outbox)


class MemoryUsers:
    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, user: User, /) -> User:
        others = [other for other in self._state.users.values() if other.id != user.id]
        if any(other.username.folded == user.username.folded for other in others):
            raise UsernameTaken(user.username.text)
        if any(other.mobile == user.mobile for other in others):
            raise MobileTaken(user.mobile.text)
        if user.id in self._state.users:
            raise UserHasChanged(user.id, user.version)
        return self._store(user)

    def get(self, user_id: int, /) -> User:
        found = self._state.users.get(user_id)
        if found is None:
            raise UserNotFound(user_id)
        return found

    def hold(self, user_id: int, /) -> User:
        return self.get(user_id)

    def by_login(self, login: str, /) -> User | None:
        for user in self._state.users.values():
            if login == user.mobile.text or login.lower() == user.username.folded:
                return user
        return None

    def save(self, user: User, /) -> User:
        present = self._state.users.get(user.id)
        if present is None or present.version != user.version:
            raise UserHasChanged(user.id, user.version)
        return self._store(user)

    def _store(self, user: User) -> User:
        stored = user.stored()
        self._state.users[stored.id] = stored
        self._state.outbox.extend(user.events)
        return stored


class MemorySessions:
    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, session: Session, /) -> Session:
        if session.id in self._state.sessions or self.by_handle(session.handle) is not None:
            raise SessionHasChanged(session.id)
        return self._store(session)

    def get(self, session_id: int, /) -> Session | None:
        return self._state.sessions.get(session_id)

    def by_handle(self, handle: str, /) -> Session | None:
        found = [session for session in self._state.sessions.values() if session.handle == handle]
        return found[0] if found else None

    def save(self, session: Session, /) -> Session:
        present = self._state.sessions.get(session.id)
        if present is None or present.version != session.version:
            raise SessionHasChanged(session.id)
        return self._store(session)

    def revoke_all(self, user_id: int, /, *, now: datetime) -> None:
        for session in list(self._state.sessions.values()):
            if session.user_id == user_id and session.revoked_at is None:
                self._state.sessions[session.id] = replace(session, revoked_at=now).stored()

    def forget_expired(self, before: datetime, /) -> int:
        expired = [session.id for session in self._state.sessions.values() if session.expires_at < before]
        for session_id in expired[:1000]:
            del self._state.sessions[session_id]
        return len(expired[:1000])

    def _store(self, session: Session) -> Session:
        stored = session.stored()
        self._state.sessions[stored.id] = stored
        self._state.outbox.extend(session.events)
        return stored


class MemoryKeys:
    def __init__(self, state: State) -> None:
        self._state = state

    def ring(self) -> KeyRing:
        return KeyRing(tuple(self._state.keys[number] for number in sorted(self._state.keys)))

    def add(self, key: SigningKey, /) -> None:
        if key.number in self._state.keys:
            raise KeysHaveChanged(key.number)
        self._state.keys[key.number] = key

    def remove(self, number: int, /) -> None:
        del self._state.keys[number]


class MemoryLedger:
    def __init__(self, state: State) -> None:
        self._state = state

    def hold(self, order_id: int, /, *, user_id: int) -> OrderPoints:
        return self._state.ledger.setdefault(order_id, OrderPoints(order_id=order_id, user_id=user_id))

    def put(self, entry: OrderPoints, /) -> None:
        self._state.ledger[entry.order_id] = entry

    def balance(self, user_id: int, /) -> int:
        return sum(entry.points for entry in self._state.ledger.values() if entry.user_id == user_id)


class MemoryInbox:
    def __init__(self, state: State) -> None:
        self._state = state

    def first_time(self, consumer: str, event_id: str, /) -> bool:
        new = (consumer, event_id) not in self._state.inbox
        self._state.inbox.add((consumer, event_id))
        return new


class PlainPasswords:
    """Hashes that hide nothing; `scheme` stands for the parameters."""

    def __init__(self, scheme: str = "plain") -> None:
        self.scheme = scheme

    def hash(self, password: Password, /) -> str:
        return f"{self.scheme}${password.text}"

    def match(self, password_hash: str | None, password: Password, /) -> bool:
        return password_hash is not None and password_hash.partition("$")[2] == password.text

    def outdated(self, password_hash: str, /) -> bool:
        return not password_hash.startswith(f"{self.scheme}$")


class MemoryThrottle:
    """Lets each account and each address try `tries` times, and no more."""

    def __init__(self, tries: int) -> None:
        self._tries = tries
        self._taken: Counter[str] = Counter()

    def take(self, login: str, address: str, /) -> None:
        for key in (f"account {login.lower()}", f"address {address}"):
            if self._taken[key] >= self._tries:
                raise Exhausted("Too many tries: come back later.", retry_after=1.0)
            self._taken[key] += 1


class MemoryPresences:
    def __init__(self) -> None:
        self._noted: dict[int, dict[int, Presence]] = {}

    def note(self, user_id: int, presence: Presence, /) -> None:
        self._noted.setdefault(user_id, {})[presence.session_id] = presence

    def gone(self, user_id: int, session_id: int | None, /) -> None:
        if session_id is None:
            self._noted.pop(user_id, None)
        else:
            self._noted.get(user_id, {}).pop(session_id, None)

    def of(self, user_id: int, /, *, now: datetime) -> tuple[Presence, ...]:
        noted = self._noted.get(user_id, {})
        return tuple(noted[name] for name in sorted(noted, reverse=True) if noted[name].expires_at > now)


class MemoryCards:
    """Remembers every card until it is told to forget it."""

    def __init__(self, load: Callable[[int], Card | None]) -> None:
        self._load = load
        self._cards: dict[int, Card] = {}

    def get(self, user_id: int, /) -> Card | None:
        if user_id not in self._cards:
            card = self._load(user_id)
            if card is None:
                return None
            self._cards[user_id] = card
        return self._cards[user_id]

    def forget(self, user_id: int, /) -> None:
        self._cards.pop(user_id, None)


class MemoryClock:
    """Stands still until it is told to move."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def forward(self, by: timedelta) -> None:
        self._now += by


class MemoryIds:
    """1, 2, 3."""

    def __init__(self) -> None:
        self._ids = count(1)

    def next(self) -> int:
        return next(self._ids)


def _unit(state: State) -> UnitOfWork:
    return UnitOfWork(
        users=MemoryUsers(state),
        sessions=MemorySessions(state),
        keys=MemoryKeys(state),
        ledger=MemoryLedger(state),
        inbox=MemoryInbox(state),
    )
