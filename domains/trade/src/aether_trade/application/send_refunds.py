from dataclasses import dataclass
from typing import Final

from aether_trade.application.ports import Clock, Payments, Transactions, UnitOfWork
from aether_trade.domain.refund import Refund

REFUNDS_PER_BATCH: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRefunds:
    """Asks the provider to send the refunds that are owed.

    If this process dies after sending a refund and before recording it, it is sent again under the same id, which the
    provider recognizes.
    """

    transactions: Transactions
    payments: Payments
    clock: Clock

    def __call__(self) -> bool:
        """Send one batch. Return whether more may be waiting that were not attempted in it."""
        owed = self.transactions.read(lambda unit: unit.refunds.owed(limit=REFUNDS_PER_BATCH))
        all_sent = True
        for refund in owed:
            sent = self.payments.refund(refund)
            all_sent = all_sent and sent
            self._save(refund.sent(self.clock.now()) if sent else refund.tried())
        return all_sent and len(owed) == REFUNDS_PER_BATCH

    def _save(self, refund: Refund) -> None:
        def save(unit: UnitOfWork) -> None:
            unit.refunds.save(refund)

        self.transactions.run(save)
