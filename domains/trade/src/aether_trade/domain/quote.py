"""A quote: what the items of a basket cost with its coupons, as computed by promotion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aether_trade.domain.basket import Item
from aether_trade.domain.course import Course
from aether_trade.domain.errors import QuoteDoesNotAddUp
from aether_trade.domain.line import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedItem:
    """`price_cents` is for one piece, in a flash sale that sale's price; the other amounts are for the whole line."""

    course_id: int
    quantity: int
    price_cents: int
    discount_cents: int
    payable_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One quoted item for each requested item, in the same order. `coupon_ids` are the coupons that the price uses."""

    items: tuple[QuotedItem, ...]
    payable_cents: int
    coupon_ids: tuple[int, ...] = ()


def lines(items: Sequence[Item], courses: Mapping[int, Course], quote: Quote) -> tuple[Line, ...]:
    """Return the lines of the order, at the quoted prices.

    Raises `QuoteDoesNotAddUp` if the quote is for other items, discounts more than a line costs, or its parts do not
    sum to its whole: an order must not adopt another service's mistake with money.
    """
    if len(quote.items) != len(items):
        raise QuoteDoesNotAddUp(items[0].course_id)
    result = tuple(
        _line(number, item, courses[item.course_id], quoted)
        for number, (item, quoted) in enumerate(zip(items, quote.items, strict=True), 1)
    )
    if sum(line.payable_cents for line in result) != quote.payable_cents:
        raise QuoteDoesNotAddUp(items[0].course_id)
    return result


def _line(number: int, item: Item, course: Course, quoted: QuotedItem) -> Line:
    line = Line(
        number=number,
        course_id=course.id,
        title=course.title,
        quantity=item.quantity,
        price_cents=quoted.price_cents,
        discount_cents=quoted.discount_cents,
        activity_id=item.activity_id,
    )
    fits = (
        (quoted.course_id, quoted.quantity) == (item.course_id, item.quantity)
        and (item.activity_id is not None or quoted.price_cents == course.price_cents)
        and quoted.price_cents >= 0
        and 0 <= quoted.discount_cents <= line.total_cents
        and quoted.payable_cents == line.payable_cents
    )
    if not fits:
        raise QuoteDoesNotAddUp(course.id)
    return line
