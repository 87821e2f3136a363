from dataclasses import dataclass
from datetime import timedelta

from aether_trade.application.ports import Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetKeys:
    """Forgets idempotency keys that nobody repeats any more; the same key then places another order."""

    transactions: Transactions
    after: timedelta

    def __call__(self) -> bool:
        """False: nothing is left to do for now."""
        self.transactions.run(lambda unit: unit.keys.prune(self.after))
        return False
