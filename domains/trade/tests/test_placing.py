"""Placing an order: one for each key, never at the caller's prices, and nothing stays reserved if it fails."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.problems import RemoteError

from aether.trade.v1 import types
from aether_trade.application import place_order
from aether_trade.application.forget_keys import ForgetKeys
from aether_trade.application.ports import UnitOfWork
from aether_trade.domain import errors
from aether_trade.domain.basket import Basket, Item
from aether_trade.domain.events import OrderPlaced

from .conftest import ADA, BOB, GRACE, OPERATOR, PAYMENT_TIME, World, item
from .memory import MemoryTransactions

T = TypeVar("T")
SALE = 77
COUPON = 88


@pytest.fixture
def sale(world: World) -> World:
    """A flash sale with two seats at 300 cents, and a coupon of ada's worth 101 cents."""
    world.promotions.prices[SALE] = 300
    world.promotions.stock[SALE] = 2
    world.promotions.coupons["ada", COUPON] = 101
    return world


def nothing_is_held(world: World) -> bool:
    return (world.promotions.held, world.promotions.locked) == ({}, {}) and world.promotions.stock[SALE] == 2


def orders(world: World) -> list[int]:
    request = types.ListOrdersRequest(caller=OPERATOR, page_size=0, page_token="")
    return [order.id for order in world.service.list_orders(request).orders]


def test_an_order_is_a_snapshot_at_the_prices_of_catalogue_and_sale(sale: World) -> None:
    plain, cheap = sale.course(1000, title="Hexagons"), sale.course(900, title="Sagas")
    order = sale.place(item(plain, 2), item(cheap, 1, SALE), coupons=[COUPON])
    now = sale.clock.now()
    assert order == types.Order(
        id=order.id,
        buyer="ada",
        status=types.OrderStatus.PENDING_PAYMENT,
        lines=(
            types.OrderLine(
                number=1,
                course_id=plain,
                title="Hexagons",
                quantity=2,
                price_cents=1000,
                discount_cents=88,
                payable_cents=1912,
                refunded_quantity=0,
                refunded_cents=0,
            ),
            types.OrderLine(
                number=2,
                course_id=cheap,
                title="Sagas",
                quantity=1,
                price_cents=300,
                discount_cents=13,
                payable_cents=287,
                refunded_quantity=0,
                refunded_cents=0,
                activity_id=SALE,
            ),
        ),
        total_cents=2300,
        discount_cents=101,
        payable_cents=2199,
        refunded_cents=0,
        coupon_ids=(COUPON,),
        version=1,
        placed_at=now,
        deadline=now + PAYMENT_TIME,
    )
    until = order.deadline + GRACE
    assert sale.promotions.held == {(order.id, SALE): ("ada", 1, until)}
    assert sale.promotions.locked == {order.id: ((COUPON,), until)}
    (published,) = sale.transactions.outbox
    assert isinstance(published, OrderPlaced)
    assert (published.order_id, published.payable_cents, published.deadline) == (
        order.id,
        2199,
        order.deadline,
    )


def test_a_later_change_of_a_course_does_not_change_the_order(sale: World) -> None:
    course = sale.course(1000)
    order = sale.place(item(course))
    change = types.ChangeCourseRequest(
        caller=OPERATOR, id=course, version=1, title="Dearer", price_cents=2000, on_sale=False
    )
    sale.service.change_course(change)
    assert sale.get(order.id) == order


def test_a_course_that_is_not_on_sale_cannot_be_ordered(sale: World) -> None:
    hidden = sale.course(on_sale=False)
    with pytest.raises(errors.CourseNotOnSale):
        sale.place(item(hidden), key="k")
    assert sale.transactions.read(lambda unit: unit.keys.find("ada", "k")) is None
    with pytest.raises(errors.CourseNotFound):
        sale.place(item(999))
    assert sale.promotions.asked == {}


def test_an_order_takes_two_transactions_and_so_does_a_refusal(
    sale: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one read if promotion refused the same thing a moment ago."""
    course, opened = sale.course(), []

    def counted(name: str) -> None:
        method = getattr(sale.transactions, name)

        def run(work: object) -> object:
            opened.append(name)
            return method(work)

        monkeypatch.setattr(sale.transactions, name, run)

    counted("run")
    counted("read")
    sale.place(item(course, 1, SALE))
    assert opened == ["run", "run"]
    for expected in (["run", "run"], ["read"]):
        opened.clear()
        with pytest.raises(RemoteError):
            sale.place(item(course, 2, SALE))
        assert opened == expected


@pytest.mark.parametrize("key", ["", "x" * (place_order.KEY_LIMIT_CHARACTERS + 1)])
def test_an_order_needs_a_valid_key(sale: World, key: str) -> None:
    with pytest.raises(errors.IdempotencyKeyNotUsable):
        sale.place(item(sale.course()), key=key)


def test_a_hundred_identical_requests_at_once_place_one_order_and_are_answered_alike(sale: World) -> None:
    course = sale.course()
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: sale.place(item(course, 1, SALE), key="k"), range(100)))
    assert answers == [answers[0]] * 100
    assert orders(sale) == [answers[0].id]
    assert sale.promotions.stock[SALE] == 1
    assert len(sale.transactions.outbox) == 1


def test_the_same_key_gets_the_same_answer_whatever_happened_to_the_order(sale: World) -> None:
    course = sale.course()
    order = sale.place(item(course), key="k")
    sale.notice(order)
    assert sale.place(item(course), key="k") == order
    assert sale.get(order.id).status is types.OrderStatus.PAID


def test_the_same_key_with_another_request_is_a_conflict(sale: World) -> None:
    course = sale.course()
    sale.place(item(course, 1), key="k")
    with pytest.raises(errors.KeyUsedForAnotherOrder):
        sale.place(item(course, 2), key="k")
    assert len(orders(sale)) == 1


def test_a_key_that_was_forgotten_places_another_order(sale: World) -> None:
    course = sale.course()
    first = sale.place(item(course), key="k")
    assert ForgetKeys(transactions=sale.transactions, after=timedelta(days=7))() is False
    assert sale.place(item(course), key="k") == first
    ForgetKeys(transactions=sale.transactions, after=timedelta(seconds=-1))()
    assert sale.place(item(course), key="k").id != first.id


def test_two_buyers_may_use_the_same_key(sale: World) -> None:
    course = sale.course()
    assert sale.place(item(course), key="k").id != sale.place(item(course), key="k", caller=BOB).id


def test_a_key_whose_placing_failed_can_be_used_again_for_any_order(sale: World) -> None:
    course = sale.course()
    with pytest.raises(RemoteError):
        sale.place(item(course, 3, SALE), key="k")
    assert sale.place(item(course, 2, SALE), key="k").payable_cents == 600


def test_an_error_of_promotions_rules_is_passed_on_unchanged_and_nothing_is_held(sale: World) -> None:
    course = sale.course()
    with pytest.raises(RemoteError) as gone:
        sale.place(item(course, 3, SALE))
    assert gone.value.type == "/problems/promotion/stock-gone"
    with pytest.raises(RemoteError) as not_hers:
        sale.place(item(course), coupons=[COUPON], caller=BOB)
    assert not_hers.value.type == "/problems/promotion/coupon-not-found"
    assert nothing_is_held(sale)
    assert sale.promotions.asked["release"] == 0, (
        "who comes too late to a sale must cost no more than the refusal"
    )
    assert orders(sale) == []


def test_everything_held_before_a_refused_step_is_released(sale: World) -> None:
    sale.promotions.prices[SALE + 1], sale.promotions.stock[SALE + 1] = 100, 0
    with pytest.raises(RemoteError) as gone:
        sale.place(item(sale.course(), 1, SALE), item(sale.course(), 1, SALE + 1))
    assert gone.value.type == "/problems/promotion/stock-gone"
    assert sale.promotions.asked["reserve"] == 1
    assert nothing_is_held(sale)


@pytest.mark.parametrize("step", ["quote", "reserve", "lock_coupons"])
def test_everything_is_released_if_a_step_fails_after_taking_effect(sale: World, step: str) -> None:
    sale.promotions.trouble[step] = Unavailable("away")
    with pytest.raises(Unavailable):
        sale.place(item(sale.course(), 1, SALE), coupons=[COUPON], key="k")
    assert nothing_is_held(sale)
    assert orders(sale) == []
    del sale.promotions.trouble[step]
    assert sale.place(item(sale.course(), 1, SALE), coupons=[COUPON], key="k").payable_cents == 199


def test_an_order_that_took_too_long_is_not_stored_and_everything_is_released(
    sale: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = sale.promotions.lock_coupons

    def slowly(*asked: object, **named: object) -> None:
        lock(*asked, **named)  # type: ignore[arg-type]
        sale.clock.forward(PAYMENT_TIME)

    monkeypatch.setattr(sale.promotions, "lock_coupons", slowly)
    with pytest.raises(errors.PlacingTookTooLong):
        sale.place(item(sale.course(), 1, SALE), coupons=[COUPON])
    assert nothing_is_held(sale)
    assert orders(sale) == []


def test_nothing_is_released_if_it_is_unknown_whether_the_order_was_stored(
    sale: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise its seat could be sold again although the order exists."""
    course = sale.course()
    run = MemoryTransactions.run

    def answer_lost(self: MemoryTransactions, work: object) -> object:
        before = len(self.outbox)
        result = run(self, work)  # type: ignore[arg-type,var-annotated]
        if len(self.outbox) > before:
            raise Unavailable("the connection broke while the commit was under way")
        return result

    with monkeypatch.context() as broken:
        broken.setattr(MemoryTransactions, "run", answer_lost)
        with pytest.raises(Unavailable):
            sale.place(item(course, 1, SALE), key="k")
    (stored,) = orders(sale)
    assert list(sale.promotions.held) == [(stored, SALE)]
    assert sale.promotions.asked["release"] == 0
    assert sale.place(item(course, 1, SALE), key="k").id == stored


def test_a_claimant_stopped_past_its_claim_stores_no_second_order(
    sale: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another request claimed the key and placed the order in the meantime."""
    monkeypatch.setattr(place_order, "CLAIM_SECONDS", 0.0)
    course, winners = sale.course(), []
    lock = sale.promotions.lock_coupons

    def stopped(*asked: object, **named: object) -> None:
        monkeypatch.setattr(sale.promotions, "lock_coupons", lambda *_, **__: None)
        winners.append(sale.place(item(course, 1, SALE), coupons=[COUPON], key="k"))
        lock(*asked, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(sale.promotions, "lock_coupons", stopped)
    with pytest.raises(errors.OrderBeingPlaced):
        sale.place(item(course, 1, SALE), coupons=[COUPON], key="k")
    assert orders(sale) == [winners[0].id]
    assert list(sale.promotions.held) == [(winners[0].id, SALE)]


def test_a_request_stops_waiting_for_a_claimant_that_never_returns(
    sale: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = sale.course()
    basket = Basket.of([Item(course_id=course, quantity=1)], [])

    def claim(unit: UnitOfWork) -> bool:
        return unit.keys.claim("ada", "k", basket.fingerprint(), "somebody", 60)

    assert sale.transactions.run(claim)
    monkeypatch.setattr(place_order, "WAIT_SECONDS", 0.05)
    with pytest.raises(errors.OrderBeingPlaced):
        sale.place(item(course), key="k")


def test_a_key_that_is_abandoned_between_the_refusal_and_the_read_places_the_order(
    sale: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim is refused because another request is placing; at the next read that request has abandoned the key."""
    course, read = sale.course(), sale.transactions.read
    basket = Basket.of([Item(course_id=course, quantity=1)], [])

    def claim(unit: UnitOfWork) -> bool:
        return unit.keys.claim("ada", "k", basket.fingerprint(), "somebody", 60)

    def abandon_first(work: Callable[[UnitOfWork], T], /) -> T:
        sale.transactions.run(lambda unit: unit.keys.abandon("ada", "k", "somebody"))
        return read(work)

    assert sale.transactions.run(claim)
    monkeypatch.setattr(sale.transactions, "read", abandon_first)
    assert sale.place(item(course), key="k").id == orders(sale)[0]


def test_the_deadline_is_counted_from_placing(sale: World) -> None:
    sale.clock.forward(timedelta(hours=3))
    order = sale.place(item(sale.course()), caller=ADA)
    assert order.deadline == sale.clock.now() + PAYMENT_TIME
