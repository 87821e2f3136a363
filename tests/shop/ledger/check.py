"""Whether the books agree with each other."""

from __future__ import annotations

from tests.shop.ledger import acknowledged, coupons, events, money, seats
from tests.shop.ledger.ledger import Ledger

CHECKS = (*money.CHECKS, *seats.CHECKS, *coupons.CHECKS, *events.CHECKS, *acknowledged.CHECKS)


def discrepancies(ledger: Ledger) -> list[str]:
    """Each disagreement as a sentence: where, what, what was expected and what was found. Empty when all agree.

    Take the books when nothing is under way: orders and events that are on their way are disagreements.
    """
    return [sentence for check in CHECKS for sentence in check(ledger)]
