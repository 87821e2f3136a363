"""The domain's rules, on plain objects."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether_trade.domain import errors
from aether_trade.domain.allocation import allocate, of_some
from aether_trade.domain.basket import COUPON_LIMIT, ITEM_LIMIT, QUANTITY_LIMIT, Basket, Item
from aether_trade.domain.course import Course
from aether_trade.domain.events import OrderClosed, OrderFinished, OrderPaid, OrderPlaced, OrderRefunded
from aether_trade.domain.line import Line
from aether_trade.domain.order import Order
from aether_trade.domain.quote import Quote, QuotedItem, lines
from aether_trade.domain.values import (
    PRICE_LIMIT_CENTS,
    TITLE_LIMIT_CHARACTERS,
    CloseReason,
    Status,
    Title,
    price,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
DEADLINE = NOON + timedelta(minutes=15)


def line(number: int = 1, *, quantity: int = 3, price_cents: int = 1000, discount_cents: int = 100) -> Line:
    return Line(
        number=number,
        course_id=100 + number,
        title=Title("Hexagons"),
        quantity=quantity,
        price_cents=price_cents,
        discount_cents=discount_cents,
    )


def placed(*of: Line) -> Order:
    return Order.place(
        7, buyer="ada", lines=of or (line(1), line(2)), coupon_ids=(9,), deadline=DEADLINE, now=NOON
    )


def in_state(status: Status) -> Order:
    """Return a stored order in that state, at version 1."""
    order = placed()
    if status is Status.CLOSED:
        order = order.expire(DEADLINE)
    elif status is not Status.PENDING_PAYMENT:
        order = order.pay(payment_id="pay_7", amount_cents=5800, now=LATER)
    if status is Status.FINISHED:
        order = order.finish(version=0, now=LATER)
    elif status is Status.PARTLY_REFUNDED:
        order = order.refund(8, version=0, quantities={1: 1}, now=LATER)
    elif status is Status.REFUNDED:
        order = order.refund(8, version=0, quantities=None, now=LATER)
    assert order.status is status
    return order.stored()


CENTS = st.integers(0, PRICE_LIMIT_CENTS * QUANTITY_LIMIT)


@given(CENTS, st.lists(CENTS | st.integers(0, 3), min_size=1, max_size=ITEM_LIMIT))
def test_parts_sum_to_the_whole_and_each_is_less_than_a_cent_off(whole: int, weights: list[int]) -> None:
    parts = allocate(whole, weights)
    total = sum(weights) or len(weights)
    shares = list(zip(weights if any(weights) else [1] * len(weights), parts, strict=True))
    assert sum(parts) == whole
    assert all(abs(part * total - whole * weight) < total for weight, part in shares)
    # A larger weight never gets less, and a discount up to the whole is at most each part.
    assert all(one <= other for (w, one), (v, other) in product(shares, repeat=2) if w < v)
    if whole <= sum(weights):
        assert all(part <= weight for weight, part in shares)


def test_remaining_cents_go_to_the_largest_remainders_and_to_the_first_of_equals() -> None:
    assert allocate(100, [1, 1, 1]) == (34, 33, 33)
    assert allocate(10, [1, 2, 4]) == (1, 3, 6)
    assert allocate(5, [0, 0]) == (3, 2)


@given(CENTS, st.lists(st.integers(0, 30), min_size=1, max_size=5))
def test_pieces_sum_to_the_whole_however_they_are_divided_into_steps(whole: int, steps: list[int]) -> None:
    gone, cents = 0, 0
    for count in steps:
        cents += of_some(whole, sum(steps) + 1, after=gone, count=count)
        gone += count
    assert cents + of_some(whole, gone + 1, after=gone, count=1) == whole


def test_a_new_order_is_pending_payment_and_has_an_event_of_its_lines() -> None:
    order = placed()
    assert (order.status, order.version) == (Status.PENDING_PAYMENT, 0)
    assert (order.total_cents, order.discount_cents, order.payable_cents) == (6000, 200, 5800)
    assert order.events == (
        OrderPlaced(
            order_id=7,
            buyer="ada",
            lines=order.lines,
            payable_cents=5800,
            deadline=DEADLINE,
            occurred_at=NOON,
        ),
    )


def test_a_free_order_is_paid_when_it_is_placed() -> None:
    order = placed(line(quantity=1, price_cents=100, discount_cents=100))
    assert (order.status, order.paid_at) == (Status.PAID, NOON)
    assert order.events[1] == OrderPaid(
        order_id=7, buyer="ada", paid_cents=0, payment_id="", occurred_at=NOON
    )
    assert order.stored().finish(version=1, now=LATER).stored().as_placed() == order.stored()


def test_paying_adds_an_event_and_does_not_change_the_unpaid_order() -> None:
    order = placed().stored()
    paid = order.pay(payment_id="pay_7", amount_cents=5800, now=LATER)
    assert (order.status, paid.status) == (Status.PENDING_PAYMENT, Status.PAID)
    assert (paid.payment_id, paid.paid_at) == ("pay_7", LATER)
    assert paid.events == (
        OrderPaid(order_id=7, buyer="ada", paid_cents=5800, payment_id="pay_7", occurred_at=LATER),
    )


@pytest.mark.parametrize("cents", [0, 5799, 5801])
def test_another_amount_pays_nothing(cents: int) -> None:
    with pytest.raises(errors.AmountMismatch) as refused:
        placed().pay(payment_id="pay_7", amount_cents=cents, now=LATER)
    assert vars(refused.value) == {"order_id": 7, "payable_cents": 5800, "amount_cents": cents}


def test_cancelled_and_overdue_orders_have_different_close_reasons() -> None:
    cancelled = placed().stored().cancel(version=1, now=LATER)
    overdue = placed().stored().expire(DEADLINE)
    assert (cancelled.close_reason, overdue.close_reason) == (CloseReason.CANCELLED, CloseReason.OVERDUE)
    assert (cancelled.closed_at, overdue.closed_at) == (LATER, DEADLINE)
    assert cancelled.events == (
        OrderClosed(order_id=7, buyer="ada", reason=CloseReason.CANCELLED, occurred_at=LATER),
    )


def test_an_order_is_not_overdue_before_its_deadline() -> None:
    with pytest.raises(ValueError, match="may be paid until"):
        placed().expire(DEADLINE - timedelta(microseconds=1))


def test_after_the_deadline_no_payment_is_started_but_a_received_one_counts() -> None:
    placed().to_be_paid(DEADLINE - timedelta(microseconds=1))
    with pytest.raises(errors.OrderOverdue):
        placed().to_be_paid(DEADLINE)
    assert placed().pay(payment_id="p", amount_cents=5800, now=DEADLINE).status is Status.PAID


ALLOWED = {
    ("pay", Status.PENDING_PAYMENT),
    ("cancel", Status.PENDING_PAYMENT),
    ("expire", Status.PENDING_PAYMENT),
    ("finish", Status.PAID),
    ("refund", Status.PAID),
    ("refund", Status.PARTLY_REFUNDED),
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("action", ["pay", "cancel", "expire", "finish", "refund"])
def test_each_state_allows_only_its_own_transitions(action: str, status: Status) -> None:
    order = in_state(status)

    def act() -> Order:
        match action:
            case "pay":
                return order.pay(payment_id="pay_8", amount_cents=5800, now=DEADLINE)
            case "cancel":
                return order.cancel(version=1, now=DEADLINE)
            case "expire":
                return order.expire(DEADLINE)
            case "finish":
                return order.finish(version=1, now=DEADLINE)
            case _:
                return order.refund(9, version=1, quantities=None, now=DEADLINE)

    if (action, status) in ALLOWED:
        assert len(act().events) == 1
        return
    wrong = errors.OrderNotPending if action in ("pay", "cancel", "expire") else errors.OrderNotPaid
    with pytest.raises(wrong) as refused:
        act()
    assert vars(refused.value) == {"order_id": 7, "status": status.value}


@pytest.mark.parametrize("action", ["cancel", "finish", "refund"])
def test_a_change_needs_the_current_version(action: str) -> None:
    order = in_state(Status.PENDING_PAYMENT if action == "cancel" else Status.PAID)
    acts: dict[str, Callable[[], Order]] = {
        "cancel": lambda: order.cancel(version=3, now=LATER),
        "finish": lambda: order.finish(version=3, now=LATER),
        "refund": lambda: order.refund(9, version=3, quantities=None, now=LATER),
    }
    with pytest.raises(errors.OrderHasChanged) as refused:
        acts[action]()
    assert (refused.value.order_id, refused.value.version) == (7, 3)


def test_finishing_adds_an_event() -> None:
    finished = in_state(Status.PAID).finish(version=1, now=DEADLINE)
    assert finished.finished_at == DEADLINE
    assert finished.events == (OrderFinished(order_id=7, buyer="ada", occurred_at=DEADLINE),)


def test_refunds_by_item_sum_to_what_was_paid_to_the_cent() -> None:
    order = placed(line(1, quantity=3, price_cents=333, discount_cents=2), line(2, quantity=1)).stored()
    order = order.pay(payment_id="p", amount_cents=order.payable_cents, now=LATER).stored()
    given: list[tuple[int, bool]] = []
    for number, quantities in enumerate(({1: 1}, {1: 1, 2: 1}, None)):
        order = order.refund(number, version=order.version, quantities=quantities, now=LATER)
        (refunded,) = order.events
        assert isinstance(refunded, OrderRefunded)
        given.append((refunded.refunded_cents, refunded.whole))
        order = order.stored()
    assert given == [(333, False), (332 + 900, False), (332, True)]
    assert order.refunded_cents == order.payable_cents == sum(cents for cents, _ in given)
    assert order.status is Status.REFUNDED


@pytest.mark.parametrize("quantity", [0, -1, 4])
def test_more_than_is_left_is_not_refunded(quantity: int) -> None:
    with pytest.raises(errors.RefundTooLarge) as refused:
        in_state(Status.PAID).refund(9, version=1, quantities={2: quantity}, now=LATER)
    assert vars(refused.value) == {"line": 2, "quantity": quantity, "left": 3}


def test_a_missing_line_cannot_be_refunded() -> None:
    with pytest.raises(errors.LineNotFound):
        in_state(Status.PAID).refund(9, version=1, quantities={3: 1}, now=LATER)


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.PENDING_PAYMENT])
def test_every_order_can_be_shown_as_it_was_placed(status: Status) -> None:
    assert in_state(status).as_placed() == placed().stored()


def test_storing_increments_the_version_and_clears_the_events() -> None:
    stored = placed().stored()
    assert (stored.version, stored.events) == (1, ())


def test_a_course_changes_only_at_its_current_version() -> None:
    course = Course(id=1, title=Title("a"), price_cents=1, on_sale=False, created_at=NOON, version=4)
    changed = course.change(version=4, title=Title("b"), price_cents=2, on_sale=True)
    assert changed == replace(course, title=Title("b"), price_cents=2, on_sale=True)
    with pytest.raises(errors.CourseHasChanged):
        course.change(version=3, title=Title("b"), price_cents=2, on_sale=True)


def some(count: int) -> list[Item]:
    return [Item(course_id=number, quantity=1) for number in range(count)]


@pytest.mark.parametrize(
    ("items", "coupons", "rule"),
    [
        ([], [], errors.ItemCountNotUsable),
        (some(ITEM_LIMIT + 1), [], errors.ItemCountNotUsable),
        ([Item(course_id=1, quantity=0)], [], errors.QuantityNotUsable),
        ([Item(course_id=1, quantity=QUANTITY_LIMIT + 1)], [], errors.QuantityNotUsable),
        (
            [Item(course_id=1, quantity=1), Item(course_id=1, quantity=1, activity_id=5)],
            [],
            errors.ItemOrderedTwice,
        ),
        (some(1), list(range(COUPON_LIMIT + 1)), errors.CouponCountNotUsable),
        (some(1), [3, 3], errors.CouponNamedTwice),
    ],
)
def test_a_basket_has_limits(items: list[Item], coupons: list[int], rule: type[Exception]) -> None:
    with pytest.raises(rule):
        Basket.of(items, coupons)


def test_a_baskets_fingerprint_depends_on_its_whole_content_and_nothing_else() -> None:
    baskets = [
        Basket.of([Item(course_id=1, quantity=2)], []),
        Basket.of([Item(course_id=1, quantity=2, activity_id=3)], []),
        Basket.of([Item(course_id=12, quantity=2)], []),
        Basket.of([Item(course_id=1, quantity=2)], [3]),
        Basket.of(some(2), []),
        Basket.of(reversed(some(2)), []),
    ]
    assert len({basket.fingerprint() for basket in baskets}) == len(baskets)
    assert Basket.of(some(2), [4]).fingerprint() == Basket.of(some(2), [4]).fingerprint()


HEXAGONS = Course(id=1, title=Title("Hexagons"), price_cents=1000, on_sale=True, created_at=NOON)
QUOTED = QuotedItem(course_id=1, quantity=2, price_cents=1000, discount_cents=300, payable_cents=1700)


def test_lines_are_a_snapshot_of_course_and_quote() -> None:
    (found,) = lines(
        [Item(course_id=1, quantity=2)], {1: HEXAGONS}, Quote(items=(QUOTED,), payable_cents=1700)
    )
    assert found == Line(
        number=1, course_id=1, title=Title("Hexagons"), quantity=2, price_cents=1000, discount_cents=300
    )
    in_sale = Quote(items=(replace(QUOTED, price_cents=200, payable_cents=100),), payable_cents=100)
    (found,) = lines([Item(course_id=1, quantity=2, activity_id=5)], {1: HEXAGONS}, in_sale)
    assert (found.price_cents, found.payable_cents, found.activity_id) == (200, 100, 5)


@pytest.mark.parametrize(
    "quote",
    [
        Quote(items=(), payable_cents=0),
        Quote(items=(QUOTED, QUOTED), payable_cents=3400),
        Quote(items=(QUOTED,), payable_cents=1701),
        Quote(items=(replace(QUOTED, course_id=2),), payable_cents=1700),
        Quote(items=(replace(QUOTED, quantity=1, payable_cents=700),), payable_cents=700),
        Quote(items=(replace(QUOTED, price_cents=999, payable_cents=1698),), payable_cents=1698),
        Quote(items=(replace(QUOTED, discount_cents=2001, payable_cents=-1),), payable_cents=-1),
        Quote(items=(replace(QUOTED, discount_cents=-1, payable_cents=2001),), payable_cents=2001),
        Quote(items=(replace(QUOTED, payable_cents=1701),), payable_cents=1701),
    ],
)
def test_a_quote_that_does_not_add_up_makes_no_order(quote: Quote) -> None:
    with pytest.raises(errors.QuoteDoesNotAddUp):
        lines([Item(course_id=1, quantity=2)], {1: HEXAGONS}, quote)


@pytest.mark.parametrize("text", ["", " \t", "x" * (TITLE_LIMIT_CHARACTERS + 1)])
def test_a_title_is_neither_blank_nor_too_long(text: str) -> None:
    with pytest.raises(errors.TitleNotUsable) as refused:
        Title.of(text)
    assert (refused.value.length, refused.value.limit) == (len(text.strip()), TITLE_LIMIT_CHARACTERS)


def test_a_title_loses_the_space_around_it() -> None:
    assert Title.of(f" {'x' * TITLE_LIMIT_CHARACTERS} ") == Title("x" * TITLE_LIMIT_CHARACTERS)


def test_a_price_has_bounds() -> None:
    assert [price(0), price(PRICE_LIMIT_CENTS)] == [0, PRICE_LIMIT_CENTS]
    for cents in (-1, PRICE_LIMIT_CENTS + 1):
        with pytest.raises(errors.PriceNotUsable):
            price(cents)


@pytest.mark.parametrize("character", ["\x07", "\t", "\u2028", "\u202e", "\u2066", "\ud800", "\U000e0fff"])
def test_a_title_shows_all_its_characters(character: str) -> None:
    with pytest.raises(errors.TitleNotReadable) as refused:
        Title.of(f"Course {character}one")
    assert refused.value.character == f"U+{ord(character):04X}"


@pytest.mark.parametrize("text", ["课程　一", "می‌خواهم", "👩‍💻", "שלום", "a\u00a0b", "\U0001fae8"])
def test_a_title_may_be_in_any_language(text: str) -> None:
    assert Title.of(text).text == text
