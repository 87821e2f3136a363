"""The stores of user in memory, and passwords whose hashes cost nothing."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from aether_adapters.kernel.errors import Exhausted, Unavailable
from aether_adapters.testing import memory as kit

from aether_user.application.ports import SESSIONS_SHOWN, Card, Presence, UnitOfWork
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
from aether_user.domain.password_reset import PasswordReset, ResetRequest, ResetToken
from aether_user.domain.points import OrderPoints
from aether_user.domain.session import Session
from aether_user.domain.user import User
from aether_user.domain.values import Password


@dataclass(frozen=True, slots=True, kw_only=True)
class State(kit.MemoryState[UserEvent]):
    users: dict[int, User] = field(default_factory=dict)
    sessions: dict[int, Session] = field(default_factory=dict)
    resets: dict[str, PasswordReset] = field(default_factory=dict)
    reset_requests: dict[int, ResetRequest] = field(default_factory=dict)
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
            raise UsernameTaken
        if any(other.mobile == user.mobile for other in others):
            raise MobileTaken
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

    def revoke_all(self, user_id: int, /, *, now: datetime, but: int | None = None) -> None:
        for session in list(self._rows.values()):
            if session.user_id == user_id and session.revoked_at is None and session.id != but:
                self._rows[session.id] = replace(session, revoked_at=now).stored()

    def forget_expired(self, before: datetime, /) -> int:
        expired = [session.id for session in self._rows.values() if session.expires_at < before]
        for session_id in expired[:1000]:
            del self._rows[session_id]
        return len(expired[:1000])


class MemoryResets:
    def __init__(self, state: State) -> None:
        self._rows = state.resets

    def add(self, reset: PasswordReset, /) -> None:
        self._rows[reset.digest] = reset

    def by_digest(self, digest: str, /) -> PasswordReset | None:
        return self._rows.get(digest)

    def remove_all(self, user_id: int, /) -> None:
        for reset in [reset for reset in self._rows.values() if reset.user_id == user_id]:
            del self._rows[reset.digest]

    def forget_expired(self, before: datetime, /) -> None:
        for reset in [reset for reset in self._rows.values() if reset.expires_at < before]:
            del self._rows[reset.digest]


class MemoryResetRequests:
    def __init__(self, state: State) -> None:
        self._rows = state.reset_requests

    def add(self, request: ResetRequest, /) -> None:
        self._rows[request.id] = request

    def waiting(self, now: datetime, /) -> bool:
        return any(request.due_at <= now for request in self._rows.values())

    def take(self, now: datetime, /, *, again_at: datetime) -> ResetRequest | None:
        due = [request for request in self._rows.values() if request.due_at <= now]
        if not due:
            return None
        first = min(due, key=lambda request: request.due_at)
        self._rows[first.id] = replace(first, due_at=again_at)
        return first

    def remove(self, request_id: int, /) -> None:
        self._rows.pop(request_id, None)


class MemoryKeys:
    def __init__(self, state: State) -> None:
        self._state = state

    def ring(self) -> KeyRing:
        return KeyRing(tuple(self._state.keys[number] for number in sorted(self._state.keys)))

    def add(self, key: SigningKey, /) -> None:
        if key.number in self._state.keys:
            raise KeysHaveChanged(key.number)
        self._state.keys[key.number] = key

    def reseal(self, key: SigningKey, private_pem: str, /) -> bool:
        if self._state.keys.get(key.number) != key:
            return False
        self._state.keys[key.number] = replace(key, private_pem=private_pem)
        return True

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
        self.full = False

    def hash(self, password: Password, /, *, trusted: bool = False) -> str:
        return f"{self.scheme}${password.text}"

    def match(self, password_hash: str | None, password: Password, /, *, trusted: bool = False) -> bool:
        return password_hash is not None and password_hash.partition("$")[2] == password.text

    def admit(self) -> None:
        if self.full:
            raise Exhausted("Too many passwords are being checked: come back later.", retry_after=1.0)

    def outdated(self, password_hash: str, /) -> bool:
        return not password_hash.startswith(f"{self.scheme}$")


class MemoryThrottle:
    """Allows `address` attempts for each address, `account` for an account at each, `strangers` at unknown ones."""

    def __init__(self, *, address: int, account: int, strangers: int) -> None:
        self._allowed = {"address": address, "account": account, "strangers": strangers}
        self._taken: Counter[tuple[str, ...]] = Counter()
        self._known: set[tuple[str, str]] = set()

    def take(self, login: str, address: str, /) -> bool:
        name = login.lower()
        keys: list[tuple[str, ...]] = [("address", address), ("account", name, address)]
        if (name, address) not in self._known:
            keys.append(("strangers", name))
        for key in keys:
            if self._taken[key] >= self._allowed[key[0]]:
                raise Exhausted("Too many tries: come back later.", retry_after=1.0)
            self._taken[key] += 1
        return (name, address) in self._known

    def remember(self, logins: tuple[str, ...], address: str, /) -> None:
        self._known |= {(login.lower(), address) for login in logins}


class FewLeaked:
    """Knows the passwords of the tests that leaked."""

    def include(self, password: Password, /) -> bool:
        return not password.stems.isdisjoint({"password1", "iloveyou"})


class MemoryMessages:
    """Keeps the messages; `away` makes the mail server unavailable."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, ResetToken, datetime]] = []
        self.away = False

    def send(self, email: str, /, *, username: str, token: ResetToken, expires_at: datetime) -> None:
        if self.away:
            raise Unavailable("The mail server is away.")
        self.sent.append((email, username, token, expires_at))


class MemoryPresences:
    def __init__(self) -> None:
        self._noted: dict[int, dict[int, Presence]] = {}

    def note(self, user_id: int, presence: Presence, /) -> None:
        self._noted.setdefault(user_id, {})[presence.session_id] = presence

    def gone(self, user_id: int, session_id: int | None, /, *, but: int | None = None) -> None:
        noted = self._noted.get(user_id, {})
        for name in [name for name in noted if name != but and session_id in (None, name)]:
            del noted[name]

    def of(self, user_id: int, /, *, now: datetime) -> tuple[Presence, ...]:
        noted = self._noted.get(user_id, {})
        active = [noted[name] for name in sorted(noted, reverse=True) if noted[name].expires_at > now]
        return tuple(active[:SESSIONS_SHOWN])


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
        resets=MemoryResets(state),
        reset_requests=MemoryResetRequests(state),
        keys=MemoryKeys(state),
        ledger=MemoryLedger(state),
        inbox=kit.MemoryInbox(state.inbox),
    )
