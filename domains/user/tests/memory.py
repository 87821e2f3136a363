"""The stores of user in memory, and passwords whose hashes cost nothing."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from aether_adapters.kernel.errors import Exhausted
from aether_adapters.testing import memory as kit

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


@dataclass(frozen=True, slots=True, kw_only=True)
class State(kit.MemoryState[UserEvent]):
    users: dict[int, User] = field(default_factory=dict)
    sessions: dict[int, Session] = field(default_factory=dict)
    keys: dict[int, SigningKey] = field(default_factory=dict)
    ledger: dict[int, OrderPoints] = field(default_factory=dict)


class MemoryTransactions(kit.MemoryTransactions[State, UnitOfWork, UserEvent]):
    def __init__(self) -> None:
        super().__init__(State(), _unit)


class MemoryUsers(kit.PublishingTable[User]):
    def __init__(self, state: State) -> None:
        super().__init__(
            state.users,
            state.outbox,
            missing=UserNotFound,
            conflict=UserHasChanged,
        )

    def add(self, user: User, /) -> User:
        others = [other for other in self._rows.values() if other.id != user.id]
        if any(other.username.folded == user.username.folded for other in others):
            raise UsernameTaken(user.username.text)
        if any(other.mobile == user.mobile for other in others):
            raise MobileTaken(user.mobile.text)
        return super().add(user)

    def get(self, user_id: int, /) -> User:
        return self._find(user_id)

    hold = get

    def by_login(self, login: str, /) -> User | None:
        for user in self._rows.values():
            if login == user.mobile.text or login.lower() == user.username.folded:
                return user
        return None


class MemorySessions(kit.PublishingTable[Session]):
    def __init__(self, state: State) -> None:
        super().__init__(
            state.sessions,
            state.outbox,
            missing=SessionHasChanged,
            conflict=lambda session_id, _: SessionHasChanged(session_id),
        )

    def add(self, session: Session, /) -> Session:
        if self.by_handle(session.handle) is not None:
            raise SessionHasChanged(session.id)
        return super().add(session)

    def get(self, session_id: int, /) -> Session | None:
        return self._rows.get(session_id)

    def by_handle(self, handle: str, /) -> Session | None:
        return next((session for session in self._rows.values() if session.handle == handle), None)

    def revoke_all(self, user_id: int, /, *, now: datetime) -> None:
        for session in list(self._rows.values()):
            if session.user_id == user_id and session.revoked_at is None:
                self._rows[session.id] = replace(session, revoked_at=now).stored()

    def forget_expired(self, before: datetime, /) -> int:
        expired = [session.id for session in self._rows.values() if session.expires_at < before]
        for session_id in expired[:1000]:
            del self._rows[session_id]
        return len(expired[:1000])


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


class PlainPasswords:
    """Hashes in plain text; `scheme` stands for the parameters of the real hash."""

    def __init__(self, scheme: str = "plain") -> None:
        self.scheme = scheme

    def hash(self, password: Password, /) -> str:
        return f"{self.scheme}${password.text}"

    def match(self, password_hash: str | None, password: Password, /) -> bool:
        return password_hash is not None and password_hash.partition("$")[2] == password.text

    def outdated(self, password_hash: str, /) -> bool:
        return not password_hash.startswith(f"{self.scheme}$")


class MemoryThrottle:
    """Allows `tries` attempts for each account and for each address."""

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
    """Caches each card until `forget` is called."""

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


def _unit(state: State) -> UnitOfWork:
    return UnitOfWork(
        users=MemoryUsers(state),
        sessions=MemorySessions(state),
        keys=MemoryKeys(state),
        ledger=MemoryLedger(state),
        inbox=kit.MemoryInbox(state.inbox),
    )
