from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.page_size import page_size
from aether_promotion.application.page_token import page_start, page_token
from aether_promotion.application.ports import Clock, Transactions, UnitOfWork
from aether_promotion.application.statuses import coupon_status_of
from aether_promotion.application.views import coupon_view
from aether_promotion.domain.coupon import Coupon


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCoupons(port.ListCoupons):
    """Lists the caller's coupons, newest first, in pages that stay whole while new ones arrive."""

    transactions: Transactions
    clock: Clock

    def __call__(
        self,
        request: types.ListCouponsRequest,
        /,
    ) -> types.ListCouponsResponse:
        size = page_size(request.page_size)
        status = None if request.status is None else coupon_status_of(request.status)
        before = page_start(request.page_token)
        now = self.clock.now()

        def page(unit: UnitOfWork) -> tuple[Coupon, ...]:
            # One more than the page shows: it tells whether there is a next page.
            return unit.coupons.page(
                owner=request.caller.subject,
                status=status,
                now=now,
                before=before,
                limit=size + 1,
            )

        found = self.transactions.read(page)
        shown = found[:size]
        return types.ListCouponsResponse(
            coupons=tuple(coupon_view(coupon, now) for coupon in shown),
            next_page_token=page_token(shown[-1].id) if len(found) > size else "",
        )
