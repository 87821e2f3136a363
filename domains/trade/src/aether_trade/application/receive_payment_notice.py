from dataclasses import dataclass
from typing import Final

from aether.trade.v1 import port, types
from aether_trade.application.ports import Clock, Ids, Payments, Transactions, UnitOfWork
from aether_trade.domain.errors import AmountMismatch, OrderHasChanged
from aether_trade.domain.refund import Refund
from aether_trade.domain.values import Status

CONSUMER: Final = "payment"
ATTEMPTS: Final = 5
"""How often a notice is applied while others keep changing its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivePaymentNotice(port.ReceivePaymentNotice):
    """Handles a notice of the payment provider.

    A payment counts once, however often and in whatever order its notices arrive. If the order does not wait for it,
    because it is closed or already paid, the same transaction stores a refund.
    """

    transactions: Transactions
    payments: Payments
    clock: Clock
    ids: Ids

    def __call__(self, request: types.ReceivePaymentNoticeRequest, /) -> types.PaymentNoticeReceipt:
        notice = self.payments.read(request.payload, request.signature)
        if not notice.succeeded:
            return types.PaymentNoticeReceipt(news=False)
        now, refund_id = self.clock.now(), self.ids.next()

        def settle(unit: UnitOfWork) -> bool:
            order = unit.orders.get(notice.order_id, buyer=None)
            if notice.amount_cents != order.payable_cents:
                raise AmountMismatch(order.id, order.payable_cents, notice.amount_cents)
            known = order.payment_id == notice.payment_id or unit.refunds.known(notice.payment_id)
            # The inbox decides between two concurrent notices. It is pruned; orders and refunds are not.
            if known or not unit.inbox.first_time(CONSUMER, notice.payment_id):
                return False
            if order.status is Status.PENDING_PAYMENT:
                paid = order.pay(payment_id=notice.payment_id, amount_cents=notice.amount_cents, now=now)
                unit.orders.save(paid)
            elif notice.amount_cents:
                unit.refunds.add(
                    Refund(
                        id=refund_id,
                        order_id=order.id,
                        payment_id=notice.payment_id,
                        cents=notice.amount_cents,
                        owed_since=now,
                    )
                )
            return True

        for _ in range(ATTEMPTS - 1):
            try:
                return types.PaymentNoticeReceipt(news=self.transactions.run(settle))
            except OrderHasChanged:
                # The order was closed or paid at this moment: decide again.
                continue
        return types.PaymentNoticeReceipt(news=self.transactions.run(settle))
