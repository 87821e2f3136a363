from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aether_user.application.ports import Transactions, UnitOfWork
from aether_user.domain.points import OrderPoints

CONSUMER: Final = "points"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPoints:
    """Counts the points of an order, once for its payment and once for each refund. Idempotent."""

    transactions: Transactions

    def paid(self, order_id: int, user_id: int, cents: int, /) -> None:
        """Count the payment of an order."""
        self._count(f"paid:{order_id}", order_id, user_id, lambda entry: entry.paid(cents))

    def refunded(self, order_id: int, refund_id: int, user_id: int, cents: int, /) -> None:
        """Count a refund of an order."""
        self._count(f"refunded:{refund_id}", order_id, user_id, lambda entry: entry.refunded(cents))

    def _count(
        self, fact: str, order_id: int, user_id: int, change: Callable[[OrderPoints], OrderPoints]
    ) -> None:
        def count(unit: UnitOfWork) -> None:
            # The inbox key is the fact and not the event's id: a fact that is published twice counts once.
            if unit.inbox.first_time(CONSUMER, fact):
                unit.ledger.put(change(unit.ledger.hold(order_id, user_id=user_id)))

        self.transactions.run(count)
