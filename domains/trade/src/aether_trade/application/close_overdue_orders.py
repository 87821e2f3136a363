from dataclasses import dataclass
from typing import Final

from aether_trade.application.ports import Clock, Transactions, UnitOfWork
from aether_trade.domain.errors import OrderHasChanged, OrderNotPending

ORDERS_PER_BATCH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseOverdueOrders:
    """Closes orders whose deadline has passed, each in its own transaction. Several workers may run it at once."""

    transactions: Transactions
    clock: Clock

    def __call__(self) -> bool:
        """Close one batch. Return whether more may be waiting."""
        now = self.clock.now()
        overdue = self.transactions.read(lambda unit: unit.orders.overdue(now, limit=ORDERS_PER_BATCH))
        for order_id in overdue:

            def close(unit: UnitOfWork, order_id: int = order_id) -> None:
                unit.orders.save(unit.orders.get(order_id, buyer=None).expire(now))

            try:
                self.transactions.run(close)
            except (OrderHasChanged, OrderNotPending):
                # Somebody paid, cancelled or closed it in the meantime: nothing is left to do.
                continue
        return len(overdue) == ORDERS_PER_BATCH
