from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aether_promotion.application.ports import Clock, CounterAway, StockCounter, Transactions, UnitOfWork

_AFTERWARDS: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepStock:
    """Warms Redis up before a sale, and corrects it during one, again and again.

    It may be wrong by what is on its way between Redis and SQL; that does no harm, because SQL decides, and the next
    look corrects it. So nothing that a crash left behind in Redis stays for good.
    """

    transactions: Transactions
    counter: StockCounter
    clock: Clock

    def __call__(self) -> bool:
        """Once; False, because nothing is left to do at once."""
        since = self.clock.now() - _AFTERWARDS

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
        # What is left may be right, and an order still be named that was sold its seats: a process died in between.
        if left != activity.left or holders != len(held) or closed:
            self.counter.load(activity, held)
