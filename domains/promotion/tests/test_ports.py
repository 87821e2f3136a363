"""What every implementation of a port promises: memory, SQLite and MariaDB; memory and Redis."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from aether_adapters import redis, sql
from aether_adapters.errors import Exhausted
from aether_adapters.events import IncomingEvent, OutgoingEvent
from aether_adapters.ids import Snowflakes, WorkerLease
from aether_promotion.adapters.redis import RedisAllowance
from aether_promotion.domain.tally import Tally

from aether_promotion.__main__ import migrations
from aether_promotion.adapters.clock import SystemClock
from aether_promotion.adapters.events import incoming
from aether_promotion.adapters.memory import MemoryAllowance, MemoryClock, MemoryIds, MemoryTransactions
from aether_promotion.adapters.sql import METADATA, OUTBOX, unit_of_work
from aether_promotion.application.ports import Allowance, Clock, Ids, Transactions, UnitOfWork
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.errors import CouponHasChanged, CouponNotFound
from aether_promotion.domain.events import CouponClosed, CouponCreated, CouponEvent
from aether_promotion.domain.values import Status, Title

NOON = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = datetime(2030, 1, 2, 12, 0, 0, 654321, tzinfo=UTC)
IDS = count(2**53)
"""Beyond what a float can hold, as the real ones are."""


@dataclass(frozen=True)
class Store:
    """One implementation, and how to read what it told the world of one coupon."""

    transactions: Transactions
    told: Callable[[int], list[CouponEvent]]

    def add(self, coupon: Coupon) -> Coupon:
        return self.transactions.run(lambda unit: unit.coupons.add(coupon))

    def save(self, coupon: Coupon) -> Coupon:
        return self.transactions.run(lambda unit: unit.coupons.save(coupon))

    def get(self, coupon_id: int, owner: str) -> Coupon:
        def read(unit: UnitOfWork) -> Coupon:
            return unit.coupons.get(coupon_id, owner=owner)

        return self.transactions.read(read)

    def tally(self, owner: str) -> Tally:
        return self.transactions.read(lambda unit: unit.tallies.get(owner))


@pytest.fixture(scope="module", params=["memory", "sqlite", "mariadb"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    match request.param:
        case "memory":
            yield in_memory()
        case "sqlite":
            yield from in_sql(f"sqlite:///{tmp_path_factory.mktemp('sql')}/test.db")
        case _:
            yield from in_sql(request.getfixturevalue("mysql_url"))


def in_memory() -> Store:
    transactions = MemoryTransactions()

    def told(coupon_id: int) -> list[CouponEvent]:
        outbox = transactions.outbox
        return [event for event in outbox if event.coupon_id == coupon_id]

    return Store(transactions, told)


def in_sql(url: str) -> Iterator[Store]:
    sql.migrate(url, migrations())
    engine = sql.connect(url)
    outbox = sql.OutboxReader(engine, OUTBOX)

    def told(coupon_id: int) -> list[CouponEvent]:
        unsent = [row.event for row in outbox.unsent(10_000)]
        return [incoming(arrived(event)) for event in unsent if event.key == str(coupon_id)]

    yield Store(sql.Transactions(engine, unit_of_work), told)
    engine.dispose()


def arrived(event: OutgoingEvent) -> IncomingEvent:
    """The event as it comes in at the other end of the topic."""
    return IncomingEvent(
        id=event.id,
        type=event.type,
        source=event.source,
        key=event.key,
        payload=event.payload,
        occurred_at=event.occurred_at,
        headers=event.headers,
        topic=event.topic,
        partition=0,
        offset=0,
    )


@pytest.fixture
def owner() -> str:
    """Somebody new, so that tests can share a store."""
    return f"ada-{uuid4()}"


def new(owner: str, title: str = "First") -> Coupon:
    return Coupon.create(next(IDS), owner=owner, title=Title(title), now=NOON)


def test_what_was_stored_comes_back_whole(store: Store, owner: str) -> None:
    created = new(owner, "Ünïcode 📄 " + "x" * 100)
    stored = store.add(created)
    assert stored == replace(created, version=1)
    assert store.get(created.id, owner) == stored
    closed = store.save(stored.close(version=1, now=LATER))
    assert closed == replace(created, version=2, closed_at=LATER)
    assert store.get(created.id, owner) == closed


def test_what_happened_is_told_in_its_order_and_once(store: Store, owner: str) -> None:
    stored = store.add(new(owner))
    store.save(stored.close(version=1, now=LATER))
    assert store.told(stored.id) == [
        CouponCreated(
            coupon_id=stored.id,
            owner=owner,
            title=Title("First"),
            occurred_at=NOON,
        ),
        CouponClosed(coupon_id=stored.id, owner=owner, occurred_at=LATER),
    ]


def test_the_one_of_somebody_else_is_not_found(store: Store, owner: str) -> None:
    stored = store.add(new(owner))
    for stranger in ("", owner.upper()):
        with pytest.raises(CouponNotFound):
            store.get(stored.id, stranger)
    with pytest.raises(CouponNotFound):
        store.get(next(IDS), owner)


def test_one_object_is_stored_once(store: Store, owner: str) -> None:
    created = new(owner)
    stored = store.add(created)
    with pytest.raises(CouponHasChanged):
        store.add(created)
    changed = stored.close(version=1, now=LATER)
    store.save(changed)
    with pytest.raises(CouponHasChanged):
        store.save(changed)
    with pytest.raises(CouponHasChanged):
        store.save(new(owner))
    assert len(store.told(created.id)) == 2


def test_of_many_who_change_one_version_at_once_one_wins(store: Store, owner: str) -> None:
    stored = store.add(new(owner))

    def close(minute: int) -> Coupon | None:
        try:
            return store.save(stored.close(version=1, now=LATER.replace(minute=minute)))
        except CouponHasChanged:
            return None

    with ThreadPoolExecutor(8) as pool:
        winners = [closed for closed in pool.map(close, range(20)) if closed is not None]
    assert winners == [store.get(stored.id, owner)]
    assert len(store.told(stored.id)) == 2


def test_work_that_raises_leaves_nothing_behind(store: Store, owner: str) -> None:
    created = new(owner)
    event_id = str(uuid4())

    def fail(unit: UnitOfWork) -> None:
        unit.coupons.add(created)
        unit.tallies.add(owner, Tally(created=1))
        assert unit.inbox.first_time("tally", event_id)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transactions.run(fail)
    with pytest.raises(CouponNotFound):
        store.get(created.id, owner)
    assert store.told(created.id) == []
    assert store.tally(owner) == Tally()
    assert store.transactions.run(lambda unit: unit.inbox.first_time("tally", event_id))


def test_pages_run_from_the_newest_and_know_owner_and_status(store: Store, owner: str) -> None:
    first, second, third = (store.add(new(owner, title)) for title in "abc")
    store.add(new(f"{owner}-somebody-else"))
    second = store.save(second.close(version=1, now=LATER))

    def page(
        status: Status | None = None,
        before: int | None = None,
        limit: int = 9,
    ) -> list[Coupon]:
        def read(unit: UnitOfWork) -> tuple[Coupon, ...]:
            return unit.coupons.page(
                owner=owner,
                status=status,
                before=before,
                limit=limit,
            )

        return list(store.transactions.read(read))

    assert page() == [third, second, first]
    assert page(limit=2) == [third, second]
    assert page(before=third.id) == [second, first]
    assert page(before=third.id, limit=1) == [second]
    assert page(Status.OPEN) == [third, first]
    assert page(Status.CLOSED) == [second]


def test_many_who_count_at_once_lose_nothing(store: Store, owner: str) -> None:
    def note(number: int) -> None:
        more = Tally(created=1) if number % 2 else Tally(closed=1)
        store.transactions.run(lambda unit: unit.tallies.add(owner, more))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note, range(20)))
    assert store.tally(owner) == Tally(created=10, closed=10)


def test_an_event_is_new_once_for_each_consumer(store: Store) -> None:
    event_id = str(uuid4())

    def first_time(consumer: str) -> bool:
        return store.transactions.run(lambda unit: unit.inbox.first_time(consumer, event_id))

    assert [first_time(consumer) for consumer in ("tally", "tally", "mail")] == [True, False, True]


@pytest.mark.suite("migrations")
@pytest.mark.parametrize("url", ["sqlite", "mariadb"], indirect=True)
def test_migrations_make_exactly_the_tables_the_adapters_use(url: str) -> None:
    sql.migrate(url, migrations())
    engine = sql.connect(url)
    assert sql.pending_changes(engine, METADATA) == []
    engine.dispose()


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/migrated.db"
    return str(request.getfixturevalue("mysql_url"))


@pytest.fixture(params=["memory", "sqlite"])
def ids(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ids]:
    if request.param == "memory":
        yield MemoryIds()
        return
    url = f"sqlite:///{tmp_path}/ids.db"
    sql.migrate(url, migrations())
    engine = sql.connect(url)
    with WorkerLease(engine) as worker_number:
        yield Snowflakes(worker_number)
    engine.dispose()


@pytest.mark.suite("ids")
def test_ids_are_positive_fit_and_never_come_twice(ids: Ids) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: ids.next(), range(1000)))
    assert len(set(taken)) == 1000
    assert all(0 < number < 2**63 for number in taken)
    assert ids.next() > max(taken)


@pytest.mark.parametrize("clock", [MemoryClock(), SystemClock()], ids=["memory", "system"])
def test_a_clock_says_the_time_in_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


@pytest.fixture(params=["memory", "redis"])
def allowance(request: pytest.FixtureRequest) -> Allowance:
    if request.param == "memory":
        return MemoryAllowance(burst=3)
    return RedisAllowance(redis.connect(request.getfixturevalue("redis_url")), rate=0.001, burst=3)


@pytest.mark.suite("allowance")
def test_an_allowance_ends_for_one_caller_and_not_for_another(allowance: Allowance) -> None:
    for _ in range(3):
        allowance.take("ada")
    with pytest.raises(Exhausted) as refused:
        allowance.take("ada")
    assert refused.value.retry_after is not None and refused.value.retry_after > 0
    allowance.take("bob")
