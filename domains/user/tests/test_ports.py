"""What every implementation of a port promises: memory, SQLite and MariaDB; memory and Redis."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from secrets import token_urlsafe
from threading import Event
from uuid import uuid4

import pytest
from aether_adapters import redis
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import Exhausted, Unavailable
from aether_adapters.testing.row_mappings import RowMappingSuite
from aether_adapters.testing.stores import STORES, InboxSuite, MigrationsSuite, open_store
from aether_adapters.testing.waiting import eventually

from aether_user.__main__ import migrations
from aether_user.adapters.events import incoming, outgoing
from aether_user.adapters.leaked import FrequentPasswords
from aether_user.adapters.passwords import Argon2Passwords
from aether_user.adapters.redis import RedisCards, RedisPresences
from aether_user.adapters.sql import unit_of_work
from aether_user.adapters.tables import METADATA, OUTBOX
from aether_user.adapters.throttle import Pace, RedisThrottle
from aether_user.application.ports import (
    SESSIONS_SHOWN,
    Card,
    Cards,
    LeakedPasswords,
    Passwords,
    Presence,
    Presences,
    Throttle,
    Transactions,
    UnitOfWork,
)
from aether_user.domain import errors
from aether_user.domain.events import SessionsRevoked, UserBanned, UserEvent, UserRegistered
from aether_user.domain.keys import KeyRing, SigningKey
from aether_user.domain.password_reset import PasswordReset, ResetRequest, ResetToken
from aether_user.domain.points import OrderPoints
from aether_user.domain.refresh_token import RefreshToken
from aether_user.domain.session import Session
from aether_user.domain.user import User
from aether_user.domain.values import (
    LOGIN_LIMIT_CHARACTERS,
    DisplayName,
    Email,
    Mobile,
    Password,
    Role,
    Status,
    Username,
)
from aether_user.settings import Settings

from .memory import (
    FewLeaked,
    MemoryCards,
    MemoryPresences,
    MemoryThrottle,
    MemoryTransactions,
    PlainPasswords,
)

NOON = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = datetime(2030, 1, 2, 12, 0, 0, 654321, tzinfo=UTC)
LIFE = timedelta(days=14)
IDS = count(2**53)
"""As large as real ids: a float could not hold them."""
NOWHERE = "redis://127.0.0.1:1/0"


@dataclass(frozen=True)
class Store:
    """One implementation, and the events that it published."""

    transactions: Transactions
    events: Callable[[], list[UserEvent]]

    def published(self, user_id: int) -> list[UserEvent]:
        """Return the events published for one user, in order."""
        return [event for event in self.events() if event.user_id == user_id]

    def add(self, user: User) -> User:
        return self.transactions.run(lambda unit: unit.users.add(user))

    def save(self, user: User) -> User:
        return self.transactions.run(lambda unit: unit.users.save(user))

    def get(self, user_id: int) -> User:
        return self.transactions.read(lambda unit: unit.users.get(user_id))

    def login(self, name: str) -> User | None:
        return self.transactions.read(lambda unit: unit.users.by_login(name))

    def session(self, session_id: int) -> Session | None:
        return self.transactions.read(lambda unit: unit.sessions.get(session_id))

    def open(self, user: User) -> tuple[Session, RefreshToken]:
        token = RefreshToken.first(token_urlsafe)
        session = Session.open(next(IDS), user_id=user.id, token=token, now=NOON, life=LIFE)
        return self.transactions.run(lambda unit: unit.sessions.add(session)), token


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with open_store(
        request,
        MemoryTransactions(),
        script_location=migrations(),
        unit_of_work=unit_of_work,
        outbox=OUTBOX,
        outgoing=outgoing,
    ) as opened:
        yield Store(opened.transactions, lambda: [incoming(event) for event in opened.events()])


def new(username: str | None = None, mobile: str | None = None) -> User:
    """Return a user with unused names, because tests share a store."""
    user_id = next(IDS)
    return User.register(
        user_id,
        username=Username(username or f"Ada-{user_id}"),
        mobile=Mobile(mobile or f"+{user_id % 10**14}"),
        email=None,
        display_name=DisplayName("Ada"),
        password_hash="hash",
        now=NOON,
    )


def test_what_was_stored_comes_back_whole(store: Store) -> None:
    created = replace(
        new(),
        email=Email("ada@example.org"),
        former_email=Email("ada@example.com"),
        email_changed_at=LATER,
        display_name=DisplayName("👩‍💻 李雷 " + "x" * 50),
        roles=frozenset(Role),
        password_hash="$argon2id$v=19$m=65536,t=3,p=4$" + "x" * 80,
    )
    stored = store.add(created)
    assert stored == replace(created, version=1)
    assert store.get(created.id) == stored
    banned = store.save(stored.ban(now=LATER))
    assert banned == replace(created, version=2, banned_at=LATER)
    assert store.get(created.id) == banned
    assert store.transactions.run(lambda unit: unit.users.hold(created.id)) == banned


def test_what_happened_is_published_in_order_and_once(store: Store) -> None:
    created = new()
    store.save(store.add(created).ban(now=LATER))
    assert store.published(created.id) == [
        UserRegistered(user_id=created.id, username=created.username, occurred_at=NOON),
        UserBanned(user_id=created.id, occurred_at=LATER),
        SessionsRevoked(user_id=created.id, session_id=None, occurred_at=LATER),
    ]


def test_a_user_is_found_by_either_name_in_any_case(store: Store) -> None:
    stored = store.add(new())
    for login in (stored.username.text, stored.username.text.upper(), stored.mobile.text):
        assert store.login(login) == stored
    for login in ("", "nobody", "+", stored.mobile.text[1:], f"{stored.username.text} "):
        assert store.login(login) is None


def test_who_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(errors.UserNotFound):
        store.get(next(IDS))
    with pytest.raises(errors.UserNotFound):
        store.transactions.run(lambda unit: unit.users.hold(next(IDS)))


def test_both_names_are_unique_and_say_which(store: Store) -> None:
    stored = store.add(new())
    with pytest.raises(errors.UsernameTaken):
        store.add(new(username=stored.username.text.swapcase()))
    with pytest.raises(errors.MobileTaken):
        store.add(new(mobile=stored.mobile.text))


def test_of_many_who_take_one_name_at_once_one_gets_it(store: Store) -> None:
    users = [new(username=f"race-{uuid4().hex[:12]}")]
    users += [new(username=users[0].username.text) for _ in range(7)]

    def add(user: User) -> bool:
        try:
            store.add(user)
        except errors.UsernameTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, users)) == 1


def test_one_object_is_stored_once(store: Store) -> None:
    created = new()
    stored = store.add(created)
    with pytest.raises(errors.UserHasChanged):
        store.add(created)
    changed = stored.ban(now=LATER)
    store.save(changed)
    with pytest.raises(errors.UserHasChanged):
        store.save(changed)
    with pytest.raises(errors.UserHasChanged):
        store.save(new())
    assert len(store.published(created.id)) == 3


def test_work_that_raises_leaves_nothing_behind(store: Store) -> None:
    created, event_id = new(), str(uuid4())

    def fail(unit: UnitOfWork) -> None:
        unit.users.add(created)
        unit.ledger.put(unit.ledger.hold(created.id, user_id=created.id).paid(100))
        assert unit.inbox.first_time("points", event_id)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transactions.run(fail)
    with pytest.raises(errors.UserNotFound):
        store.get(created.id)
    assert store.published(created.id) == []
    assert store.transactions.read(lambda unit: unit.ledger.balance(created.id)) == 0
    assert store.transactions.run(lambda unit: unit.inbox.first_time("points", event_id))


def test_a_user_who_is_held_waits_for_nobody_and_others_for_him(store: Store) -> None:
    stored = store.add(new())

    def rename(number: int) -> None:
        def work(unit: UnitOfWork) -> None:
            user = unit.users.hold(stored.id)
            name = DisplayName(f"{user.display_name.text}{number}")
            unit.users.save(
                user.change_profile(version=user.version, display_name=name, email=None, now=NOON)
            )

        store.transactions.run(work)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rename, range(8)))
    renamed = store.get(stored.id)
    assert (renamed.version, sorted(renamed.display_name.text)) == (9, sorted("Ada01234567"))


def test_a_session_comes_back_whole_by_id_and_by_its_handle(store: Store) -> None:
    session, token = store.open(store.add(new()))
    assert store.session(session.id) == session
    by_handle = store.transactions.read(lambda unit: unit.sessions.by_handle(token.handle_digest))
    assert by_handle == session
    assert store.transactions.read(lambda unit: unit.sessions.by_handle(token.secret_digest)) is None
    assert store.session(next(IDS)) is None
    with pytest.raises(errors.SessionHasChanged):
        store.transactions.run(lambda unit: unit.sessions.add(session))
    spent = session.spend(token, following=token.next(token_urlsafe), now=LATER, life=LIFE)
    stored = store.transactions.run(lambda unit: unit.sessions.save(spent))
    assert store.session(session.id) == stored == replace(spent, version=2)
    with pytest.raises(errors.SessionHasChanged):
        store.transactions.run(lambda unit: unit.sessions.save(spent))


def test_the_revocation_of_one_session_is_published(store: Store) -> None:
    user = store.add(new())
    session, _ = store.open(user)
    store.transactions.run(lambda unit: unit.sessions.save(session.revoke(now=LATER)))
    ended = SessionsRevoked(user_id=user.id, session_id=session.id, occurred_at=LATER)
    assert store.published(user.id)[1:] == [ended]


def test_all_sessions_of_a_user_end_at_once_or_not_at_all(store: Store) -> None:
    user, other = store.add(new()), store.add(new())
    over, _ = store.open(user)
    ended = store.transactions.run(lambda unit: unit.sessions.save(over.revoke(now=NOON)))
    mine = [store.open(user)[0] for _ in range(3)]
    theirs, _ = store.open(other)

    def ban(unit: UnitOfWork) -> None:
        unit.users.save(unit.users.hold(user.id).ban(now=LATER))
        unit.sessions.revoke_all(user.id, now=LATER)

    def fail(unit: UnitOfWork) -> None:
        ban(unit)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transactions.run(fail)
    assert [store.session(session.id) for session in mine] == mine
    store.transactions.run(ban)
    revoked = [replace(session, revoked_at=LATER, version=2) for session in mine]
    assert [store.session(session.id) for session in mine] == revoked
    assert store.session(theirs.id) == theirs
    assert store.session(ended.id) == ended


def test_only_expired_sessions_are_forgotten(store: Store) -> None:
    user = store.add(new())
    old = [store.open(user)[0] for _ in range(3)]
    assert store.transactions.run(lambda unit: unit.sessions.forget_expired(NOON + LIFE)) == 0
    kept, token = store.open(user)
    kept = store.transactions.run(
        lambda unit: unit.sessions.save(kept.spend(token, following=token, now=LATER, life=LIFE))
    )
    gone = store.transactions.run(
        lambda unit: unit.sessions.forget_expired(NOON + LIFE + timedelta(seconds=1))
    )
    assert gone >= 3
    assert [store.session(session.id) for session in old] == [None] * 3
    assert store.session(kept.id) == kept


def test_one_session_may_be_left_when_all_are_revoked(store: Store) -> None:
    user = store.add(new())
    (kept, _), (ended, _) = store.open(user), store.open(user)
    store.transactions.run(lambda unit: unit.sessions.revoke_all(user.id, now=LATER, but=kept.id))
    assert store.session(kept.id) == kept
    assert store.session(ended.id) == replace(ended, revoked_at=LATER, version=2)


def test_a_reset_is_found_by_its_token_until_it_is_used_or_forgotten(store: Store) -> None:
    ada, bob = next(IDS), next(IDS)
    tokens = [ResetToken.new(token_urlsafe) for _ in range(4)]
    resets = [
        PasswordReset.open(token, user_id=user_id, now=now, life=LIFE)
        for token, user_id, now in zip(tokens, (ada, ada, bob, bob), (NOON, LATER, NOON, LATER), strict=True)
    ]

    def found() -> list[PasswordReset | None]:
        return store.transactions.read(lambda unit: [unit.resets.by_digest(token.digest) for token in tokens])

    for reset in resets:
        store.transactions.run(lambda unit, reset=reset: unit.resets.add(reset))  # type: ignore[misc]
    assert found() == resets
    store.transactions.run(lambda unit: unit.resets.remove_all(ada))
    assert found() == [None, None, *resets[2:]]
    store.transactions.run(lambda unit: unit.resets.forget_expired(NOON + LIFE))
    assert found() == [None, None, *resets[2:]]
    store.transactions.run(lambda unit: unit.resets.forget_expired(NOON + LIFE + timedelta(seconds=1)))
    assert found() == [None, None, None, resets[3]]


def test_a_request_to_reset_is_taken_once_and_again_when_it_was_not_handled(store: Store) -> None:
    first, second = (
        ResetRequest(id=next(IDS), login=login, requested_at=due_at, due_at=due_at)
        for login, due_at in (("Ada 🌸", NOON), ("x" * LOGIN_LIMIT_CHARACTERS, LATER))
    )
    after = LATER + timedelta(minutes=1)

    def take(now: datetime) -> ResetRequest | None:
        return store.transactions.run(lambda unit: unit.reset_requests.take(now, again_at=after))

    def waiting(now: datetime) -> bool:
        return store.transactions.read(lambda unit: unit.reset_requests.waiting(now))

    for request in (second, first):
        store.transactions.run(lambda unit, request=request: unit.reset_requests.add(request))  # type: ignore[misc]
    assert not waiting(NOON - timedelta(seconds=1)) and take(NOON - timedelta(seconds=1)) is None
    assert waiting(NOON)
    assert [take(LATER) for _ in range(3)] == [first, second, None]
    store.transactions.run(lambda unit: unit.reset_requests.remove(second.id))
    assert take(after) == replace(first, due_at=after)
    store.transactions.run(lambda unit: unit.reset_requests.remove(first.id))
    assert not waiting(after + LIFE)


@pytest.mark.suite("leaked")
@pytest.mark.parametrize("leaked", [FewLeaked(), FrequentPasswords()], ids=["memory", "zxcvbn"])
def test_a_leaked_password_is_one_in_any_case(leaked: LeakedPasswords) -> None:
    for text in ("password1", "PASSWORD1", "iLoveYou", "iloveyou2026!"):
        assert leaked.include(Password(text)), text
    for text in ("correct horse battery staple", "password1 and more", "2026!iloveyou", ""):
        assert not leaked.include(Password(text)), text


def key(number: int) -> SigningKey:
    pem = "-----BEGIN PRIVATE KEY-----\n" + "x" * 400 + "\n"
    return SigningKey(
        number=number, kid=f"kid{number}", x="x" * 43, y="y" * 43, private_pem=pem, signs_from=LATER
    )


def test_keys_are_kept_in_their_order_and_each_number_once(store: Store) -> None:
    assert store.transactions.read(lambda unit: unit.keys.ring()) == KeyRing()
    for number in (1, 2, 10):
        store.transactions.run(lambda unit, number=number: unit.keys.add(key(number)))  # type: ignore[misc]
    assert store.transactions.read(lambda unit: unit.keys.ring()) == KeyRing((key(1), key(2), key(10)))
    with pytest.raises(errors.KeysHaveChanged):
        store.transactions.run(lambda unit: unit.keys.add(replace(key(2), kid="another")))
    sealed = replace(key(2), private_pem="-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + "y" * 500 + "\n")
    for stored_so in (True, False):
        done = store.transactions.run(lambda unit: unit.keys.reseal(key(2), sealed.private_pem))
        assert done is stored_so, "only the key that was read is replaced"
    assert not store.transactions.run(lambda unit: unit.keys.reseal(key(3), sealed.private_pem))
    assert store.transactions.read(lambda unit: unit.keys.ring()) == KeyRing((key(1), sealed, key(10)))
    store.transactions.run(lambda unit: unit.keys.reseal(sealed, key(2).private_pem))
    store.transactions.run(lambda unit: unit.keys.remove(1))
    assert store.transactions.read(lambda unit: unit.keys.ring()) == KeyRing((key(2), key(10)))


def test_an_entry_of_the_ledger_takes_the_place_of_the_one_before(store: Store) -> None:
    user_id, order_id = next(IDS), next(IDS)
    entry = OrderPoints(order_id=order_id, user_id=user_id, paid_cents=1999)
    other = OrderPoints(order_id=next(IDS), user_id=user_id, paid_cents=100)
    stranger = OrderPoints(order_id=next(IDS), user_id=next(IDS), paid_cents=5000)

    def put(unit: UnitOfWork, entry: OrderPoints) -> OrderPoints:
        held = unit.ledger.hold(entry.order_id, user_id=entry.user_id)
        unit.ledger.put(entry)
        return held

    found: dict[int, OrderPoints] = {}
    for each in (entry, entry, other, stranger, replace(entry, refunded_cents=500)):
        new_one = OrderPoints(order_id=each.order_id, user_id=each.user_id)
        held = store.transactions.run(lambda unit, each=each: put(unit, each))  # type: ignore[misc]
        assert held == found.get(each.order_id, new_one)
        found[each.order_id] = each
    found_now = store.transactions.run(lambda unit: unit.ledger.hold(order_id, user_id=0))
    assert found_now == replace(entry, refunded_cents=500)
    assert store.transactions.read(lambda unit: unit.ledger.balance(user_id)) == 14 + 1
    assert store.transactions.read(lambda unit: unit.ledger.balance(next(IDS))) == 0


class TestInbox(InboxSuite):
    pass


class TestMigrations(MigrationsSuite):
    script_location = migrations()
    metadata = METADATA


class TestRowMappings(RowMappingSuite):
    package = "aether_user.adapters"


def argon2(passes: int = 1) -> Argon2Passwords:
    """The cheapest parameters; another test measures the cost of the real ones."""
    return Argon2Passwords(passes=passes, kibibytes=8, lanes=1, at_once=2, waiting=4)


@pytest.mark.suite("passwords")
@pytest.mark.parametrize("passwords", [PlainPasswords(), argon2()], ids=["memory", "argon2"])
def test_a_password_matches_its_own_hash_and_no_other(passwords: Passwords) -> None:
    right = Password("correct horse 🐎")
    kept = passwords.hash(right)
    assert passwords.match(kept, right)
    assert not passwords.match(kept, Password("correct horse"))
    assert not passwords.match(passwords.hash(Password("another")), right)
    assert not passwords.match(None, right)
    assert not passwords.outdated(kept)


def test_a_hash_names_its_parameters_and_is_another_every_time() -> None:
    right = Password("correct horse")
    assert argon2().hash(right).startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert argon2().hash(right) != argon2().hash(right)
    assert argon2(passes=2).outdated(argon2().hash(right))
    assert argon2(passes=2).match(argon2().hash(right), right)
    assert not argon2().match("no hash at all", right)


def test_a_password_too_many_is_refused_at_once() -> None:
    """One is hashed and two wait, one of them of a stranger; the others do not hold their threads until their deadline."""
    passwords = Argon2Passwords(passes=1, kibibytes=8, lanes=1, at_once=1, waiting=2)
    password, finished = Password("correct horse"), Event()
    passwords._threads.submit(finished.wait)  # the only thread is at work
    with ThreadPoolExecutor(3) as pool:
        waiting = []
        for trusted in (False, False, True):
            waiting.append(pool.submit(passwords.hash, password, trusted=trusted))
            eventually(lambda: passwords._threads._work_queue.qsize() == len(waiting))
            if len(waiting) >= 2:
                with pytest.raises(Exhausted) as refused:
                    passwords.hash(password)
                assert refused.value.retry_after == 1.0
        with pytest.raises(Exhausted):
            passwords.hash(password, trusted=True)
        finished.set()
        assert all(passwords.match(each.result(), password) for each in waiting)
    assert passwords.match(passwords.hash(password), password)


def test_a_password_that_waits_for_its_hash_is_given_up_at_the_deadline() -> None:
    passwords = Argon2Passwords(passes=40, kibibytes=8192, lanes=1, at_once=1, waiting=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(passwords.hash, Password("correct horse"))
        with within(0.01), pytest.raises(Exhausted):
            passwords.hash(Password("correct horse"))
        assert first.result().startswith("$argon2id$")
    assert passwords.hash(Password("correct horse")), "its place is free again"


@pytest.mark.parametrize(
    ("given", "hashing", "waiting"),
    [
        ({"threads": 16, "hashes_at_once": 3}, 3, 4),
        ({"threads": 16, "hashes_at_once": 6}, 6, 2),
        ({"threads": 8, "hashes_at_once": 100, "hash_queue": 100}, 4, 0),
        ({"threads": 1}, 1, 0),
        ({"threads": 512, "hash_lanes": 512}, 1, 4),
    ],
)
def test_passwords_take_at_most_half_of_the_threads(
    given: dict[str, int], hashing: int, waiting: int
) -> None:
    settings = Settings(key_secret="a secret of the tests", **given)  # type: ignore[arg-type]
    assert (settings.hashing, settings.hashes_waiting) == (hashing, waiting)


@pytest.fixture(params=["memory", "redis"])
def throttle(request: pytest.FixtureRequest) -> Throttle:
    if request.param == "memory":
        return MemoryThrottle(address=5, account=2, strangers=3)
    return throttle_at(request.getfixturevalue("redis_url"))


def throttle_at(url: str, *secrets: str) -> RedisThrottle:
    def pace(burst: int) -> Pace:
        return Pace(rate=0.001, burst=burst)

    return RedisThrottle(
        redis.connect(url),
        "aether-user",
        secrets or ("a secret of thirty-two characters",),
        address=pace(5),
        account=pace(2),
        strangers=pace(3),
        known=timedelta(days=1),
    )


@pytest.mark.suite("throttle")
def test_tries_end_for_an_account_in_any_spelling(throttle: Throttle) -> None:
    for login in ("ada", "ADA", "Ada"):
        throttle.take(login, login)
    with pytest.raises(Exhausted) as refused:
        throttle.take("aDa", "elsewhere")
    assert refused.value.retry_after is not None and refused.value.retry_after > 0
    throttle.take("bob", "elsewhere")


@pytest.mark.suite("throttle")
def test_tries_end_for_an_address(throttle: Throttle) -> None:
    for login in ("ada", "bob", "eve", "joe", "jim"):
        throttle.take(login, "192.0.2.1")
    with pytest.raises(Exhausted):
        throttle.take("zoe", "192.0.2.1")
    throttle.take("zoe", "192.0.2.2")


@pytest.mark.suite("throttle")
def test_tries_of_one_address_leave_some_for_another(throttle: Throttle) -> None:
    for _ in range(2):
        throttle.take("ada", "192.0.2.1")
    for _ in range(3):
        with pytest.raises(Exhausted):
            throttle.take("ada", "192.0.2.1")
    throttle.take("ada", "192.0.2.2")
    with pytest.raises(Exhausted):
        throttle.take("ada", "192.0.2.3")


@pytest.mark.suite("throttle")
def test_a_known_address_has_tries_of_its_own_whichever_name_is_used(throttle: Throttle) -> None:
    throttle.take("Ada", "192.0.2.1")
    throttle.remember(("ada", "+8613800138000"), "192.0.2.1")
    for address in ("192.0.2.2", "192.0.2.3"):
        throttle.take("ada", address)
    for stranger in ("192.0.2.4", "192.0.2.5"):
        with pytest.raises(Exhausted):
            throttle.take("ada", stranger)
    assert throttle.take("ADA", "192.0.2.1")
    for _ in range(2):
        assert throttle.take("+8613800138000", "192.0.2.1")
    assert not throttle.take("bob", "192.0.2.9")
    with pytest.raises(Exhausted):
        throttle.take("ada", "192.0.2.1")


@pytest.mark.parametrize(
    "addresses",
    [
        ("2001:db8::1", "2001:db8::2:3", "2001:DB8:0:0:ffff::"),
        ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"),
    ],
)
def test_forms_of_one_address_share_their_tries(redis_url: str, addresses: tuple[str, ...]) -> None:
    throttle = throttle_at(redis_url)
    for address in addresses[:2]:
        throttle.take("ada", address)
    with pytest.raises(Exhausted):
        throttle.take("ada", addresses[2])


def test_a_known_address_stays_known_while_the_secret_is_replaced(redis_url: str) -> None:
    throttle_at(redis_url, "old").remember(("ada",), "192.0.2.1")
    assert throttle_at(redis_url, "new", "old").take("ada", "192.0.2.1")
    assert not throttle_at(redis_url, "new").take("ada", "192.0.2.1")


def test_keys_in_redis_cannot_be_made_without_the_secret(redis_url: str) -> None:
    """A mobile is one of few: whoever reads Redis could hash them all."""
    client = redis.connect(redis_url)
    throttle_at(redis_url, "one").remember(("+8613800138000",), "192.0.2.1")
    (key,) = client.keys()
    throttle_at(redis_url, "two").remember(("+8613800138000",), "192.0.2.1")
    assert len(client.keys()) == 2
    assert sha256(b"+8613800138000\n192.0.2.1").hexdigest().encode() not in key


def test_without_redis_tries_are_counted_here_and_known_addresses_too() -> None:
    throttle = throttle_at(NOWHERE)
    throttle.remember(("ada",), "192.0.2.9")
    for number in range(3):
        throttle.take("ada", f"192.0.2.{number}")
    with pytest.raises(Exhausted):
        throttle.take("ada", "192.0.2.4")
    throttle.take("ada", "192.0.2.9")


@pytest.fixture(params=["memory", "redis"])
def presences(request: pytest.FixtureRequest) -> Presences:
    if request.param == "memory":
        return MemoryPresences()
    return RedisPresences(redis.connect(request.getfixturevalue("redis_url")))


def seen(session_id: int, expires_at: datetime = LATER) -> Presence:
    return Presence(
        session_id=session_id, opened_at=NOON, seen_at=NOON, expires_at=expires_at, address="2001:db8::1"
    )


@pytest.mark.suite("presences")
def test_of_very_many_sessions_the_newest_are_shown(presences: Presences) -> None:
    user_id = next(IDS)
    for number in range(2 * SESSIONS_SHOWN + 1):
        presences.note(user_id, seen(number))
    shown = [presence.session_id for presence in presences.of(user_id, now=NOON)]
    assert shown == list(range(2 * SESSIONS_SHOWN, SESSIONS_SHOWN, -1))


def test_sessions_that_are_not_shown_are_not_kept_in_redis(redis_url: str) -> None:
    client, user_id = redis.connect(redis_url), next(IDS)
    for number in range(5 * SESSIONS_SHOWN):
        RedisPresences(client).note(user_id, seen(number))
    assert client.hlen(f"aether-user-sessions:{user_id}") <= 2 * SESSIONS_SHOWN


@pytest.mark.suite("presences")
def test_sessions_are_shown_until_they_are_gone_or_expired(presences: Presences) -> None:
    first, second = 2**53 + 1, 2**53 + 2
    user_id, other = next(IDS), next(IDS)
    presences.note(user_id, seen(first, NOON + timedelta(hours=1)))
    presences.note(user_id, seen(second))
    presences.note(other, seen(3))
    assert presences.of(user_id, now=NOON) == (seen(second), seen(first, NOON + timedelta(hours=1)))
    assert presences.of(user_id, now=NOON + timedelta(hours=1)) == (seen(second),)
    again = replace(seen(first), seen_at=LATER - timedelta(hours=1), address="192.0.2.1")
    presences.note(user_id, again)
    assert presences.of(user_id, now=NOON) == (seen(second), again)
    presences.gone(user_id, None, but=first)
    assert presences.of(user_id, now=NOON) == (again,)
    presences.note(user_id, seen(second))
    presences.gone(user_id, second)
    assert presences.of(user_id, now=NOON) == (again,)
    presences.gone(user_id, None, but=second)
    assert presences.of(user_id, now=NOON) == ()
    presences.note(user_id, again)
    presences.gone(user_id, None)
    assert presences.of(user_id, now=NOON) == ()
    assert presences.of(other, now=NOON) == (seen(3),)


def test_without_redis_sessions_go_on_and_only_their_list_is_missed() -> None:
    presences = RedisPresences(redis.connect(NOWHERE))
    presences.note(1, seen(1))
    presences.gone(1, 1)
    presences.gone(1, None, but=1)
    with pytest.raises(Unavailable):
        presences.of(1, now=NOON)


CARD = Card(id=2**53 + 1, username="ada", display_name="Ada 🌸", status=Status.ACTIVE, roles=frozenset(Role))


@dataclass
class Drawer:
    """Loads cards for the cache."""

    card: Card | None = CARD
    looks: int = 0

    def __call__(self, _user_id: int) -> Card | None:
        self.looks += 1
        return self.card


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture(params=["memory", "redis"])
def cards(request: pytest.FixtureRequest, drawer: Drawer) -> Cards:
    if request.param == "memory":
        return MemoryCards(drawer)
    return RedisCards(redis.connect(request.getfixturevalue("redis_url")), drawer, seconds=60.0)


@pytest.mark.suite("cards")
def test_a_card_is_loaded_once_until_it_is_forgotten(cards: Cards, drawer: Drawer) -> None:
    assert [cards.get(CARD.id), cards.get(CARD.id)] == [CARD, CARD]
    assert drawer.looks == 1
    drawer.card = replace(CARD, status=Status.BANNED, roles=frozenset())
    cards.forget(CARD.id)
    assert cards.get(CARD.id) == drawer.card


@pytest.mark.suite("cards")
def test_who_is_not_there_has_no_card(cards: Cards, drawer: Drawer) -> None:
    drawer.card = None
    assert cards.get(5) is None


def test_without_redis_cards_come_from_the_database(drawer: Drawer) -> None:
    cards = RedisCards(redis.connect(NOWHERE), drawer, seconds=60.0)
    assert [cards.get(CARD.id), cards.get(CARD.id)] == [CARD, CARD]
    cards.forget(CARD.id)
    assert drawer.looks == 2
