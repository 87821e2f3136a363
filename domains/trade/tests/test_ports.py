"""What every implementation of the stores promises: memory, SQLite and MariaDB."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import pytest
from aether_adapters.kernel.events import IncomingEvent
from aether_adapters.testing.row_mappings import RowMappingSuite
from aether_adapters.testing.stores import STORES, InboxSuite, MigrationsSuite, open_store

from aether.trade.v1 import events as contract
from aether_trade.__main__ import migrations
from aether_trade.adapters.events import outgoing
from aether_trade.adapters.sql import unit_of_work
from aether_trade.adapters.tables import METADATA, OUTBOX
from aether_trade.application.ports import Transactions, UnitOfWork
from aether_trade.domain.course import Course
from aether_trade.domain.errors import CourseHasChanged, CourseNotFound, OrderHasChanged, OrderNotFound
from aether_trade.domain.line import Line
from aether_trade.domain.order import Order
from aether_trade.domain.refund import Refund
from aether_trade.domain.values import Status, Title

from .memory import MemoryTransactions

NOON = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = datetime(2030, 1, 2, 12, 0, 0, 654321, tzinfo=UTC)
IDS = count(2**53)
"""As large as real ids: a float could not hold them."""

Published = tuple[str, str, contract.Event]


@dataclass(frozen=True)
class Store:
    """One implementation, and the events that it published."""

    transactions: Transactions
    events: Callable[[], list[Published]]

    def published(self, order_id: int) -> list[Published]:
        """Return the events published for one order, in order."""
        return [event for event in self.events() if event[1] == str(order_id)]

    def add(self, order: Order) -> Order:
        return self.transactions.run(lambda unit: unit.orders.add(order))

    def save(self, order: Order) -> Order:
        return self.transactions.run(lambda unit: unit.orders.save(order))

    def get(self, order_id: int, buyer: str | None = None) -> Order:
        def read(unit: UnitOfWork) -> Order:
            return unit.orders.get(order_id, buyer=buyer)

        return self.transactions.read(read)


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
        yield Store(opened.transactions, lambda: [as_published(event) for event in opened.events()])


def as_published(event: IncomingEvent) -> Published:
    """Return the event as a consumer reads it, without id and time."""
    return event.topic, event.key, contract.from_bytes(event.type, event.payload)


@pytest.fixture
def buyer() -> str:
    """A new name for each test, because tests share a store."""
    return f"ada-{uuid4()}"


def line(number: int, **changes: object) -> Line:
    whole = Line(
        number=number,
        course_id=next(IDS),
        title=Title("Ünïcode 📄 " + "x" * 100),
        quantity=2,
        price_cents=10**8,
        discount_cents=number,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def new(buyer: str, *, now: datetime = NOON, deadline: datetime = LATER) -> Order:
    lines = (line(1, activity_id=next(IDS)), line(2))
    coupons = tuple(next(IDS) for _ in range(10))
    return Order.place(next(IDS), buyer=buyer, lines=lines, coupon_ids=coupons, deadline=deadline, now=now)


def paid(order: Order) -> Order:
    return order.pay(payment_id=f"pay_{order.id}", amount_cents=order.payable_cents, now=LATER)


def test_an_order_comes_back_whole_from_every_state(store: Store, buyer: str) -> None:
    placed = new(buyer)
    stored = store.add(placed)
    assert stored == replace(placed, version=1)
    assert store.get(placed.id, buyer) == store.get(placed.id) == stored
    changes: list[Callable[[Order], Order]] = [
        paid,
        lambda order: order.refund(1, version=2, quantities={2: 1}, now=LATER),
        lambda order: order.refund(2, version=3, quantities=None, now=LATER),
    ]
    for version, change in enumerate(changes, 2):
        stored = store.save(change(stored))
        assert stored.version == version
        assert store.get(placed.id) == stored
    finished = store.save(store.save(paid(store.add(new(buyer)))).finish(version=2, now=LATER))
    assert store.get(finished.id) == finished
    closed = store.save(store.add(new(buyer)).cancel(version=1, now=NOON))
    assert store.get(closed.id) == closed


def test_what_happened_is_published_in_order_and_once(store: Store, buyer: str) -> None:
    placed = new(buyer)
    settled = store.save(paid(store.add(placed)))
    partly = store.save(settled.refund(5, version=2, quantities={1: 1}, now=LATER))
    finished = store.save(paid(store.add(new(buyer)))).finish(version=2, now=LATER)
    store.save(finished)
    closed = store.save(store.add(new(buyer)).cancel(version=1, now=LATER))
    assert store.published(placed.id) == [
        published(
            contract.OrderPlaced(
                order_id=placed.id,
                buyer=buyer,
                payable_cents=4 * 10**8 - 3,
                deadline=LATER,
                lines=tuple(
                    contract.OrderPlacedLine(
                        course_id=each.course_id,
                        quantity=2,
                        payable_cents=each.payable_cents,
                        activity_id=each.activity_id,
                    )
                    for each in placed.lines
                ),
                occurred_at=NOON,
            )
        ),
        published(
            contract.OrderPaid(
                order_id=placed.id,
                buyer=buyer,
                paid_cents=4 * 10**8 - 3,
                payment_id=f"pay_{placed.id}",
                occurred_at=LATER,
            )
        ),
        published(
            contract.OrderRefunded(
                order_id=placed.id,
                refund_id=5,
                buyer=buyer,
                refunded_cents=partly.refunded_cents,
                whole=False,
                occurred_at=LATER,
            )
        ),
    ]
    assert store.published(finished.id)[2:] == [
        published(contract.OrderFinished(order_id=finished.id, buyer=buyer, occurred_at=LATER))
    ]
    assert store.published(closed.id)[1:] == [
        published(
            contract.OrderClosed(order_id=closed.id, buyer=buyer, reason="cancelled", occurred_at=LATER)
        )
    ]


def published(event: contract.Event) -> Published:
    return "aether.trade.v1", str(event.order_id), event


def test_the_order_of_another_buyer_is_not_found(store: Store, buyer: str) -> None:
    stored = store.add(new(buyer))
    for stranger in ("", buyer.upper(), f"{buyer} ", f" {buyer}"):
        with pytest.raises(OrderNotFound):
            store.get(stored.id, stranger)
    with pytest.raises(OrderNotFound):
        store.get(next(IDS))


def test_one_order_is_stored_once(store: Store, buyer: str) -> None:
    placed = new(buyer)
    stored = store.add(placed)
    with pytest.raises(OrderHasChanged):
        store.add(placed)
    changed = paid(stored)
    store.save(changed)
    with pytest.raises(OrderHasChanged):
        store.save(changed)
    with pytest.raises(OrderHasChanged):
        store.save(new(buyer))
    assert len(store.published(placed.id)) == 2


def test_of_many_who_change_one_version_at_once_one_wins(store: Store, buyer: str) -> None:
    stored = store.add(new(buyer))

    def change(number: int) -> Order | None:
        changed = paid(stored) if number % 2 else stored.cancel(version=1, now=LATER)
        try:
            return store.save(changed)
        except OrderHasChanged:
            return None

    with ThreadPoolExecutor(8) as pool:
        winners = [order for order in pool.map(change, range(20)) if order is not None]
    assert winners == [store.get(stored.id)]
    assert len(store.published(stored.id)) == 2


def test_work_that_raises_leaves_nothing_behind(store: Store, buyer: str) -> None:
    placed, event_id = new(buyer), str(uuid4())
    owed = Refund(id=next(IDS), order_id=placed.id, payment_id="p", cents=1, owed_since=NOON)

    def fail(unit: UnitOfWork) -> None:
        unit.orders.add(placed)
        unit.refunds.add(owed)
        assert unit.inbox.first_time("payment", event_id)
        assert unit.keys.claim(buyer, "k", "f", "me", 60)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transactions.run(fail)
    with pytest.raises(OrderNotFound):
        store.get(placed.id)
    assert store.published(placed.id) == []
    assert owed not in store.transactions.read(lambda unit: unit.refunds.owed(limit=1000))
    assert store.transactions.read(lambda unit: unit.keys.find(buyer, "k")) is None
    assert store.transactions.run(lambda unit: unit.inbox.first_time("payment", event_id))


def test_pages_run_from_the_newest_and_know_buyer_and_state(store: Store, buyer: str) -> None:
    first, second, third = (store.add(new(buyer)) for _ in range(3))
    other = store.add(new(f"{buyer}-somebody-else"))
    second = store.save(paid(second))

    def page(
        status: Status | None = None, before: int | None = None, limit: int = 9, of: str | None = buyer
    ) -> list[Order]:
        def read(unit: UnitOfWork) -> tuple[Order, ...]:
            return unit.orders.page(buyer=of, status=status, before=before, limit=limit)

        return list(store.transactions.read(read))

    assert page() == [third, second, first]
    assert page(limit=2) == [third, second]
    assert page(before=third.id) == [second, first]
    assert page(before=third.id, limit=1) == [second]
    assert page(Status.PENDING_PAYMENT) == [third, first]
    assert page(Status.PAID) == [second]
    assert page(Status.CLOSED) == []
    assert page(of=None, limit=4) == [other, third, second, first]
    assert page(Status.PAID, of=None, before=third.id, limit=1) == [second]


def test_overdue_are_those_that_wait_and_have_had_their_time_the_first_due_first(
    store: Store, buyer: str
) -> None:
    due = datetime(2000, 1, 1, tzinfo=UTC)
    hour = timedelta(hours=1)
    late, later, exact, early = (
        store.add(new(buyer, deadline=deadline)).id
        for deadline in (due - hour, due - 2 * hour, due, due + hour)
    )
    settled = store.save(paid(store.add(new(buyer, deadline=due - 3 * hour))))

    def overdue(limit: int) -> list[int]:
        return list(store.transactions.read(lambda unit: unit.orders.overdue(due, limit=limit)))

    assert overdue(9) == [later, late, exact]
    assert overdue(1) == [later]
    assert not {early, settled.id} & set(overdue(9))
    for order_id in (later, late, exact):
        store.save(store.get(order_id).expire(due))
    assert overdue(9) == []


def test_a_course_comes_back_whole_and_changes_once(store: Store) -> None:
    run = store.transactions.run
    course = Course(
        id=next(IDS), title=Title("Ünïcode 📄"), price_cents=10**8, on_sale=False, created_at=NOON
    )
    stored = run(lambda unit: unit.courses.add(course))
    assert stored == replace(course, version=1)
    assert run(lambda unit: unit.courses.get(course.id)) == stored
    changed = stored.change(version=1, title=Title("b"), price_cents=0, on_sale=True)
    saved = run(lambda unit: unit.courses.save(changed))
    assert saved == replace(changed, version=2)
    assert run(lambda unit: unit.courses.get(course.id)) == saved
    for again in (lambda unit: unit.courses.save(changed), lambda unit: unit.courses.add(course)):
        with pytest.raises(CourseHasChanged):
            run(again)
    with pytest.raises(CourseNotFound):
        run(lambda unit: unit.courses.get(next(IDS)))


def test_the_catalogue_runs_from_the_newest_and_hides_what_is_not_on_sale(store: Store) -> None:
    def add(unit: UnitOfWork, *, on_sale: bool) -> Course:
        course = Course(id=next(IDS), title=Title("a"), price_cents=1, on_sale=on_sale, created_at=NOON)
        return unit.courses.add(course)

    first, hidden, third = (
        store.transactions.run(lambda unit, on_sale=on_sale: add(unit, on_sale=on_sale))  # type: ignore[misc]
        for on_sale in (True, False, True)
    )

    def page(limit: int, before: int | None = None, *, on_sale_only: bool) -> list[Course]:
        def read(unit: UnitOfWork) -> tuple[Course, ...]:
            return unit.courses.page(on_sale_only=on_sale_only, before=before, limit=limit)

        return list(store.transactions.read(read))

    assert page(3, on_sale_only=False) == [third, hidden, first]
    assert page(2, on_sale_only=True) == [third, first]
    assert page(1, third.id, on_sale_only=False) == [hidden]


def test_refunds_are_owed_until_they_are_sent_and_the_least_tried_come_first(store: Store) -> None:
    run = store.transactions.run
    one, two, three = (
        Refund(id=next(IDS), order_id=next(IDS), payment_id=payment, cents=10**10, owed_since=NOON)
        for payment in ("pay_1", "pay_2", "pay_3")
    )
    for refund in (three, one, two):
        run(lambda unit, refund=refund: unit.refunds.add(refund))  # type: ignore[misc]

    def owed(limit: int) -> list[Refund]:
        return list(store.transactions.read(lambda unit: unit.refunds.owed(limit=limit)))

    assert owed(9) == [one, two, three]
    run(lambda unit: unit.refunds.save(one.tried()))
    run(lambda unit: unit.refunds.save(two.sent(LATER)))
    assert owed(9) == [three, one.tried()]
    assert owed(1) == [three]
    payments = ("pay_1", "pay_2", "PAY_1", "pay_4")
    known = [run(lambda unit, payment=payment: unit.refunds.known(payment)) for payment in payments]  # type: ignore[misc]
    assert known == [True, True, False, False]


def test_a_key_is_claimed_once_and_leads_to_one_result(store: Store, buyer: str) -> None:
    run = store.transactions.run

    def claim(claimant: str, seconds: float = 60, fingerprint: str = "f") -> bool:
        return run(lambda unit: unit.keys.claim(buyer, "k", fingerprint, claimant, seconds))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: claim(str(number), -1), range(8))).count(True) >= 1
    assert not claim("thief", fingerprint="another")
    assert claim("me")
    assert not claim("you")
    assert not run(lambda unit: unit.keys.finish(buyer, "k", "0", "7"))
    run(lambda unit: unit.keys.abandon(buyer, "k", "0"))
    found = run(lambda unit: unit.keys.find(buyer, "k"))
    assert found is not None
    assert (found.fingerprint, found.result, found.lapsed) == ("f", None, False)
    assert run(lambda unit: unit.keys.finish(buyer, "k", "me", "7"))
    run(lambda unit: unit.keys.abandon(buyer, "k", "me"))
    found = run(lambda unit: unit.keys.find(buyer, "k"))
    assert found is not None
    assert (found.fingerprint, found.result, found.lapsed) == ("f", "7", False)


def test_old_keys_are_forgotten_and_young_ones_are_not(store: Store, buyer: str) -> None:
    run = store.transactions.run
    assert run(lambda unit: unit.keys.claim(buyer, "k", "f", "me", 60))
    run(lambda unit: unit.keys.prune(timedelta(hours=1)))
    assert run(lambda unit: unit.keys.find(buyer, "k")) is not None
    assert run(lambda unit: unit.keys.prune(timedelta(seconds=-5))) >= 1
    assert run(lambda unit: unit.keys.find(buyer, "k")) is None


class TestInbox(InboxSuite):
    pass


class TestMigrations(MigrationsSuite):
    script_location = migrations()
    metadata = METADATA


class TestRowMappings(RowMappingSuite):
    package = "aether_trade.adapters"
