"""Whether the books agree with each other."""

from __future__ import annotations

from tests.shop.books import coupons, events, money, seats, told
from tests.shop.books.books import Books

CHECKS = (*money.CHECKS, *seats.CHECKS, *coupons.CHECKS, *events.CHECKS, *told.CHECKS)


def discrepancies(books: Books) -> list[str]:
    """Each disagreement as a sentence: where, what, what was expected and what was found. Empty when all agree.

    Take the books when nothing is under way: orders and events that are on their way are disagreements.
    """
    return [sentence for check in CHECKS for sentence in check(books)]
