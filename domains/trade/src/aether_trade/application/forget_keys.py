from dataclasses import dataclass
from datetime import timedelta

from aether_trade.application.ports import Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetKeys:
    """Deletes idempotency keys older than `after`; the same key then places a new order."""

    transactions: Transactions
    after: timedelta

    def __call__(self) -> bool:
        """Delete them all. Return False: nothing is left to do."""
        self.transactions.run(lambda unit: unit.keys.prune(self.after))
        return False
