"""Checks that the ledger's records agree with each other."""

from __future__ import annotations

from tests.shop.ledger import acknowledged, coupons, events, money, seats
from tests.shop.ledger.ledger import Ledger

CHECKS = (*money.CHECKS, *seats.CHECKS, *coupons.CHECKS, *events.CHECKS, *acknowledged.CHECKS)


def discrepancies(ledger: Ledger) -> list[str]:
    """Return each discrepancy as a sentence: where, what, expected and found. Empty if everything agrees.

    Read the ledger when nothing is in progress: orders and events in progress are discrepancies.
    """
    return [sentence for check in CHECKS for sentence in check(ledger)]
