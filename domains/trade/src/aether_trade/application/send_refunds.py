from dataclasses import dataclass
from typing import Final

from aether_trade.application.ports import Clock, Payments, Transactions, UnitOfWork
from aether_trade.domain.refund import Refund

BATCH: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRefunds:
    """Has the provider send what is owed to buyers.

    One that is sent and not noted, because we died in between, is sent again under the same id, which the provider
    knows.
    """

    transactions: Transactions
    payments: Payments
    clock: Clock

    def __call__(self) -> bool:
        """True where more may be waiting that were not tried just now."""
        owed = self.transactions.read(lambda unit: unit.refunds.owed(limit=BATCH))
        all_sent = True
        for refund in owed:
            sent = self.payments.refund(refund)
            all_sent = all_sent and sent
            self._note(refund.sent(self.clock.now()) if sent else refund.tried())
        return all_sent and len(owed) == BATCH

    def _note(self, refund: Refund) -> None:
        def note(unit: UnitOfWork) -> None:
            unit.refunds.save(refund)

        self.transactions.run(note)
