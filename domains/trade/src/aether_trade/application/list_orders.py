from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import buyer_seen_by
from aether_trade.application.paging import page_size, page_start, split
from aether_trade.application.ports import Transactions, UnitOfWork
from aether_trade.application.views import order_view, status_of
from aether_trade.domain.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOrders(port.ListOrders):
    """Lists the caller's orders, newest first; everybody's for operators."""

    transactions: Transactions

    def __call__(self, request: types.ListOrdersRequest, /) -> types.ListOrdersResponse:
        size = page_size(request.page_size)
        before = page_start(request.page_token)
        status = None if request.status is None else status_of(request.status)
        buyer = buyer_seen_by(request.caller)

        def page(unit: UnitOfWork) -> tuple[Order, ...]:
            # One more than the page shows: it tells whether there is a next page.
            return unit.orders.page(buyer=buyer, status=status, before=before, limit=size + 1)

        filters = {} if request.status is None else {"status": request.status.value}
        shown, following = split(self.transactions.read(page), size, "/v1/orders", **filters)
        return types.ListOrdersResponse(
            orders=tuple(map(order_view, shown)),
            next_page_token=following.token,
            next_link=following.link,
        )
