from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aether_promotion.application.ports import Clock, CounterAway, StockCounter, Transactions, UnitOfWork

_KEPT_AFTER_END: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepStock:
    """Loads the stock of a sale into Redis before it starts, and corrects it during the sale.

    Redis may be wrong by the requests in progress between Redis and SQL. That is harmless: SQL decides, and the next
    run corrects Redis, also what a crash left behind.
    """

    transactions: Transactions
    counter: StockCounter
    clock: Clock

    def __call__(self) -> bool:
        """Check every sale once. Return False: nothing is left to do."""
        since = self.clock.now() - _KEPT_AFTER_END

        def to_keep(unit: UnitOfWork) -> list[int]:
            return [activity.id for activity in unit.activities.to_keep(since)]

        try:
            for activity_id in self.transactions.read(to_keep):
                self._keep(activity_id)
        except CounterAway:
            return False
        return False

    def _keep(self, activity_id: int) -> None:
        left, holders = self.counter.left(activity_id), self.counter.holders(activity_id)
        activity, held = self.transactions.read(
            lambda unit: (unit.activities.get(activity_id), unit.reservations.held(activity_id))
        )
        closed = activity.ends_at <= self.clock.now()
        # Even if `left` is right, Redis may still list an order whose seats are sold, after a crash between the two.
        if left != activity.left or holders != len(held) or closed:
            self.counter.load(activity, held)
