from collections.abc import Sequence
from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import operators_only
from aether_trade.application.ports import Clock, Ids, Transactions, UnitOfWork
from aether_trade.application.views import order_view
from aether_trade.domain.errors import LineNamedTwice
from aether_trade.domain.order import Order
from aether_trade.domain.refund import Refund


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder(port.RefundOrder):
    """Refunds a whole paid order, or some of its items.

    The refund is stored with the order and sent by the worker, so it is not lost while the provider is away.
    """

    transactions: Transactions
    clock: Clock
    ids: Ids

    def __call__(self, request: types.RefundOrderRequest, /) -> types.Order:
        operators_only(request.caller)
        quantities = _by_line(request.items)
        refund_id, now = self.ids.next(), self.clock.now()

        def refund(unit: UnitOfWork) -> Order:
            before = unit.orders.get(request.id, buyer=None)
            after = before.refund(refund_id, version=request.version, quantities=quantities, now=now)
            stored = unit.orders.save(after)
            cents = after.refunded_cents - before.refunded_cents
            if cents and before.payment_id:
                unit.refunds.add(
                    Refund(
                        id=refund_id,
                        order_id=before.id,
                        payment_id=before.payment_id,
                        cents=cents,
                        owed_since=now,
                    )
                )
            return stored

        return order_view(self.transactions.run(refund))


def _by_line(items: Sequence[types.RefundItem]) -> dict[int, int] | None:
    quantities: dict[int, int] = {}
    for item in items:
        if item.line in quantities:
            raise LineNamedTwice(item.line)
        quantities[item.line] = item.quantity
    return quantities or None
