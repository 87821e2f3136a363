from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.paging import PAGES
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
        page = PAGES.page(request.page_size, request.page_token)
        status = None if request.status is None else coupon_status_of(request.status)
        now = self.clock.now()

        def load(unit: UnitOfWork) -> tuple[Coupon, ...]:
            return unit.coupons.page(
                owner=request.caller.subject,
                status=status,
                now=now,
                before=page.before,
                limit=page.limit,
            )

        shown, next_page_token = page.split(self.transactions.read(load))
        return types.ListCouponsResponse(
            coupons=tuple(coupon_view(coupon, now) for coupon in shown),
            next_page_token=next_page_token,
        )
