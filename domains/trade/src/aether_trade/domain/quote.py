"""A quote: what the items of a basket cost with its coupons, as promotion reckons it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aether_trade.domain.basket import Item
from aether_trade.domain.course import Course
from aether_trade.domain.errors import QuoteDoesNotAddUp
from aether_trade.domain.line import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedItem:
    """`price_cents` is that of one piece, the flash sale's where there is one; the others are of the whole line."""

    course_id: int
    quantity: int
    price_cents: int
    discount_cents: int
    payable_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One quoted item for each item asked for, in their order; `coupon_ids` are those that the price needs."""

    items: tuple[QuotedItem, ...]
    payable_cents: int
    coupon_ids: tuple[int, ...] = ()


def lines(items: Sequence[Item], courses: Mapping[int, Course], quote: Quote) -> tuple[Line, ...]:
    """What was asked for, at the quoted prices: the snapshot that an order keeps.

    Raises `QuoteDoesNotAddUp` where the quote is of something else, takes more off than a line costs, or its parts
    do not sum to its whole: an order must not take over somebody else's mistake with money.
    """
    if len(quote.items) != len(items):
        raise QuoteDoesNotAddUp(items[0].course_id)
    found = tuple(
        _line(number, item, courses[item.course_id], quoted)
        for number, (item, quoted) in enumerate(zip(items, quote.items, strict=True), 1)
    )
    if sum(line.payable_cents for line in found) != quote.payable_cents:
        raise QuoteDoesNotAddUp(items[0].course_id)
    return found


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
