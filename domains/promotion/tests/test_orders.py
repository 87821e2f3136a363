"""Orders, on memory adapters: their prices, coupons and seats."""

from dataclasses import replace
from datetime import timedelta

import pytest
from aether_adapters.kernel.errors import Exhausted
from hypothesis import given, settings
from hypothesis import strategies as st

from aether.promotion.v1 import types
from aether_promotion.application.ports import Fate
from aether_promotion.domain import errors
from aether_promotion.domain.events import CouponRedeemed, ReservationReleased

from .conftest import ADA, BOB, OPERATOR, World, make_world


def quote(world: World, *coupon_ids: int, buyer: str = "ada", price: int = 12_000) -> types.QuoteResult:
    item = types.QuoteItem(course_id=3, quantity=1, price_cents=price)
    return world.service.quote(types.QuoteRequest(buyer=buyer, items=(item,), coupon_ids=coupon_ids))


def lock(world: World, order_id: int, *coupon_ids: int, buyer: str = "ada") -> tuple[int, ...]:
    request = types.LockCouponsRequest(
        order_id=order_id,
        buyer=buyer,
        coupon_ids=coupon_ids,
        expires_at=world.clock.now() + timedelta(minutes=1),
    )
    return world.service.lock_coupons(request).coupon_ids


def status(world: World, coupon_id: int) -> types.CouponStatus:
    return world.service.get_coupon(types.GetCouponRequest(caller=ADA, id=coupon_id)).status


def test_a_quote_takes_the_coupon_and_the_price_of_the_sale(world: World) -> None:
    coupon = world.claim(world.template().id)
    activity = world.activity()
    items = (
        types.QuoteItem(course_id=1, quantity=1, price_cents=12_000),
        types.QuoteItem(course_id=3, quantity=2, price_cents=9_000, activity_id=activity.id),
    )
    request = types.QuoteRequest(buyer="ada", items=items, coupon_ids=(coupon, coupon))
    priced = world.service.quote(request)
    assert priced == types.QuoteResult(
        lines=(
            types.QuoteLine(
                course_id=1, quantity=1, price_cents=12_000, discount_cents=923, payable_cents=11_077
            ),
            types.QuoteLine(course_id=3, quantity=2, price_cents=500, discount_cents=77, payable_cents=923),
        ),
        total_cents=13_000,
        discount_cents=1000,
        payable_cents=12_000,
        coupon_ids=(coupon,),
    )


def test_a_quote_names_a_coupon_that_cannot_be_used_and_the_reason(world: World) -> None:
    template = world.template()
    mine, other = world.claim(template.id), world.claim(template.id, BOB)
    with pytest.raises(errors.CouponNotFound):
        quote(world, other)
    with pytest.raises(errors.CouponBelowThreshold):
        quote(world, mine, price=9_999)
    lock(world, 9, mine)
    with pytest.raises(errors.CouponLocked):
        quote(world, mine)
    with pytest.raises(errors.TooManyCoupons):
        quote(world, *range(1, 22))
    world.clock.forward(timedelta(days=1))
    with pytest.raises(errors.CouponExpired):
        quote(world, other, buyer="bob")


def test_a_sale_prices_its_own_course_and_only_while_it_runs(world: World) -> None:
    activity = world.activity()
    item = types.QuoteItem(course_id=4, quantity=1, price_cents=1, activity_id=activity.id)
    with pytest.raises(errors.ItemNotInActivity):
        world.service.quote(types.QuoteRequest(buyer="ada", items=(item,)))
    world.clock.forward(timedelta(days=1))
    item = types.QuoteItem(course_id=3, quantity=1, price_cents=1, activity_id=activity.id)
    with pytest.raises(errors.ActivityOver):
        world.service.quote(types.QuoteRequest(buyer="ada", items=(item,)))


def test_a_sale_that_was_closed_before_it_began_is_over_though_the_counter_still_waits_for_it(
    world: World,
) -> None:
    """The counter refused because the sale had not started; an operator closed it before the reason was read."""
    world.clock.forward(timedelta(days=-1))
    begun = world.activity()
    world.keep_stock()
    world.clock.forward(timedelta(days=-1))
    request = types.CloseActivityRequest(caller=OPERATOR, id=begun.id, version=1)
    closed = world.service.close_activity(request)
    with pytest.raises(errors.ActivityOver) as refused:
        world.reserve(begun.id, 1)
    assert refused.value.ends_at == closed.ends_at


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(days=-2)], ids=["early", "over"])
def test_a_sale_that_runs_is_sold_by_sql_at_a_limited_rate_though_the_counter_believes_it_does_not(
    world: World, off: timedelta
) -> None:
    activity = world.activity()
    stored = world.transactions.read(lambda unit: unit.activities.get(activity.id))
    stale = replace(stored, starts_at=stored.starts_at + off, ends_at=stored.ends_at + off)
    world.stock.load(stale, ())
    world.allowance.left = 1
    assert world.reserve(activity.id, 1).order_id == 1
    assert world.counts(activity.id) == (1, 0)
    with pytest.raises(Exhausted):
        world.reserve(activity.id, 2)


def test_coupons_are_locked_all_or_none_and_used_or_given_back(world: World) -> None:
    template = world.template()
    first, second = world.claim(template.id), world.claim(template.id, key="k2")
    assert lock(world, 9, first) == lock(world, 9, first) == (first,)
    with pytest.raises(errors.CouponLocked):
        lock(world, 10, first, second)
    assert status(world, second) is types.CouponStatus.UNUSED
    assert lock(world, 10, second) == (second,)
    for _ in range(2):
        redeemed = world.service.redeem_coupons(types.RedeemCouponsRequest(order_id=9))
        assert redeemed.coupon_ids == (first,)
    for expected in ((second,), ()):
        released = world.service.release_coupons(types.ReleaseCouponsRequest(order_id=10))
        assert released.coupon_ids == expected
    assert status(world, first) is types.CouponStatus.USED
    assert status(world, second) is types.CouponStatus.UNUSED
    with pytest.raises(errors.CouponAlreadyUsed):
        lock(world, 11, first)
    redeemed_events = [e for e in world.transactions.outbox if isinstance(e, CouponRedeemed)]
    assert [event.order_id for event in redeemed_events] == [9]


def test_seats_are_reserved_once_for_each_order_until_none_is_left(world: World) -> None:
    activity = world.activity(quantity=3)
    world.keep_stock()
    first = world.reserve(activity.id, 1, 2)
    assert first == world.reserve(activity.id, 1, 2)
    assert first.status is types.ReservationStatus.HELD
    with pytest.raises(errors.StockGone):
        world.reserve(activity.id, 2, 2)
    with pytest.raises(errors.ReservationDiffers):
        world.reserve(activity.id, 1, 1)
    world.reserve(activity.id, 3)
    with pytest.raises(errors.StockGone):
        world.reserve(activity.id, 4)
    assert world.reserve(activity.id, 1, 2) == first
    assert world.counts(activity.id) == (3, 0)


def test_seats_are_sold_or_come_back(world: World) -> None:
    activity = world.activity(quantity=2)
    world.reserve(activity.id, 1)
    world.reserve(activity.id, 2)
    for _ in range(2):
        (sold,) = world.service.confirm(types.ConfirmRequest(order_id=1)).reservations
        assert sold.status is types.ReservationStatus.CONFIRMED
        (back,) = world.service.release(types.ReleaseRequest(order_id=2)).reservations
        assert back.status is types.ReservationStatus.RELEASED
    assert world.counts(activity.id) == (0, 1)
    assert world.stock.left(activity.id) == 1
    with pytest.raises(errors.ReservationGone):
        world.reserve(activity.id, 2)
    world.reserve(activity.id, 3)
    with pytest.raises(errors.ReservationGone):
        world.service.confirm(types.ConfirmRequest(order_id=2))
    released = [e for e in world.transactions.outbox if isinstance(e, ReservationReleased)]
    assert [event.order_id for event in released] == [2]


def test_redis_drops_the_holder_of_a_sold_seat_after_a_crash_before_its_update(world: World) -> None:
    activity = world.activity(quantity=2)
    world.reserve(activity.id, 1)
    world.stock.away = True
    world.service.confirm(types.ConfirmRequest(order_id=1))
    world.stock.away = False
    assert (world.stock.left(activity.id), world.stock.holders(activity.id)) == (1, 1)
    world.keep_stock()
    assert (world.stock.left(activity.id), world.stock.holders(activity.id)) == (1, 0)


def test_a_sale_has_a_window_and_an_end_that_operators_may_bring_forward(world: World) -> None:
    activity = world.activity()
    world.keep_stock()
    world.clock.forward(timedelta(hours=-1))
    with pytest.raises(errors.ActivityNotStarted):
        world.reserve(activity.id, 1)
    world.clock.forward(timedelta(hours=2))
    request = types.CloseActivityRequest(caller=OPERATOR, id=activity.id, version=1)
    world.service.close_activity(request)
    with pytest.raises(errors.ActivityOver):
        world.reserve(activity.id, 1)
    with pytest.raises(errors.ActivityNotFound):
        world.reserve(999, 1)


def test_while_redis_is_away_sql_sells_at_a_limited_rate_and_redis_learns_of_it(world: World) -> None:
    activity = world.activity(quantity=3)
    world.reserve(activity.id, 1)
    world.stock.away = True
    world.reserve(activity.id, 2)
    world.service.release(types.ReleaseRequest(order_id=1))
    world.allowance.left = 0
    with pytest.raises(Exhausted):
        world.reserve(activity.id, 3)
    world.stock.away = False
    assert world.stock.left(activity.id) == 2, "Redis has not been updated"
    world.keep_stock()
    assert world.stock.left(activity.id) == 2
    world.stock.forget()
    world.keep_stock()
    assert world.stock.left(activity.id) == 2
    assert world.counts(activity.id) == (1, 0)


def test_expired_seats_and_coupons_follow_the_state_of_their_order(world: World) -> None:
    activity = world.activity(quantity=4)
    template = world.template(limit=4)
    fates = {1: Fate.PAID, 2: Fate.GONE, 3: Fate.PENDING}
    coupons = {}
    for order_id in (1, 2, 3):
        world.reserve(activity.id, order_id)
        coupons[order_id] = world.claim(template.id, key=f"k{order_id}")
        lock(world, order_id, coupons[order_id])
    world.orders.fates = fates
    assert not world.reconcile_orders(), "nothing has expired"
    world.clock.forward(timedelta(minutes=1))
    assert world.reconcile_orders()
    assert not world.reconcile_orders()
    assert world.counts(activity.id) == (1, 1)
    assert [status(world, coupons[order]) for order in (1, 2, 3)] == [
        types.CouponStatus.USED,
        types.CouponStatus.UNUSED,
        types.CouponStatus.LOCKED,
    ]
    world.clock.forward(timedelta(days=1))
    world.orders.fates[3] = Fate.GONE
    world.reconcile_orders()
    world.reconcile_orders()
    request = types.ListCouponsRequest(
        caller=ADA, page_size=0, page_token="", status=types.CouponStatus.EXPIRED
    )
    expired = world.service.list_coupons(request).coupons
    assert {coupon.id for coupon in expired} == {coupons[2], coupons[3]}


STEPS = st.sampled_from(
    [
        "reserve",
        "reserve",
        "reserve",
        "confirm",
        "release",
        "die",
        "sql fails",
        "redis goes or comes",
        "forget",
        "keep",
    ]
)


@settings(max_examples=150)
@given(steps=st.lists(st.tuples(STEPS, st.integers(1, 8), st.integers(1, 3)), min_size=20, max_size=60))
def test_whatever_crashes_no_seat_is_sold_twice_and_none_is_lost(steps: list[tuple[str, int, int]]) -> None:
    world = make_world()
    world.allowance.left = 10_000
    activity = world.activity(quantity=5)
    for step, order_id, quantity in steps:
        try:
            match step:
                case "reserve":
                    world.reserve(activity.id, order_id, quantity)
                case "confirm":
                    world.service.confirm(types.ConfirmRequest(order_id=order_id))
                case "release":
                    world.service.release(types.ReleaseRequest(order_id=order_id))
                case "die":
                    if not world.stock.away:
                        world.stock.take(activity.id, 100 + order_id, quantity)
                case "sql fails":
                    if not world.stock.away:
                        world.stock.give_back(activity.id, order_id)
                case "redis goes or comes":
                    world.stock.away = not world.stock.away
                case "forget":
                    world.stock.forget()
                case _:
                    world.keep_stock()
        except (errors.Conflict, errors.NotFound):
            pass
        held, sold = world.counts(activity.id)
        assert held >= 0 and sold >= 0 and held + sold <= 5
    world.stock.away = False
    world.keep_stock()
    world.clock.forward(timedelta(minutes=1))
    while world.reconcile_orders():
        pass
    world.keep_stock()
    held, sold = world.counts(activity.id)
    assert held == 0
    for order_id in range(1000, 1005 - sold):
        world.reserve(activity.id, order_id)
    with pytest.raises(errors.StockGone):
        world.reserve(activity.id, 2000)
