from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import buyer_seen_by
from aether_trade.application.paging import PAGES
from aether_trade.application.ports import Transactions, UnitOfWork
from aether_trade.application.views import order_view, status_of
from aether_trade.domain.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOrders(port.ListOrders):
    """Lists the caller's orders, newest first; everybody's for operators."""

    transactions: Transactions

    def __call__(self, request: types.ListOrdersRequest, /) -> types.ListOrdersResponse:
        page = PAGES.page(request.page_size, request.page_token)
        status = None if request.status is None else status_of(request.status)
        buyer = buyer_seen_by(request.caller)

        def load(unit: UnitOfWork) -> tuple[Order, ...]:
            return unit.orders.page(buyer=buyer, status=status, before=page.before, limit=page.limit)

        shown, next_page_token = page.split(self.transactions.read(load))
        filters = {} if request.status is None else {"status": request.status.value}
        return types.ListOrdersResponse(
            orders=tuple(map(order_view, shown)),
            next_page_token=next_page_token,
            next_link=page.link("/v1/orders", next_page_token, **filters),
        )
