from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.ports import Clock, Payments, Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPayment(port.StartPayment):
    """Opens the payment of one of the caller's own orders with the provider, or returns the open one."""

    transactions: Transactions
    payments: Payments
    clock: Clock

    def __call__(self, request: types.StartPaymentRequest, /) -> types.Payment:
        buyer = request.caller.subject
        order = self.transactions.read(lambda unit: unit.orders.get(request.id, buyer=buyer))
        order.to_be_paid(self.clock.now())
        opened = self.payments.open(order.id, order.payable_cents)
        return types.Payment(
            order_id=order.id,
            payment_id=opened.payment_id,
            amount_cents=order.payable_cents,
            pay_url=opened.url,
        )
