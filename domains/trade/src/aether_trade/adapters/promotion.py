"""Coupons and flash sales, through the generated client of promotion.

An error of promotion's rules reaches the buyer unchanged, with promotion's problem type and values. If promotion
cannot be reached or refuses us as a caller, that is a fault of this shop: `Unavailable`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

import structlog
from aether_adapters.kernel.errors import Kind, TechnicalError, Unavailable
from aether_adapters.kernel.problems import RemoteError

from aether.promotion.v1 import port, types
from aether_trade.application.ports import Refused
from aether_trade.domain.basket import Item
from aether_trade.domain.quote import Quote, QuotedItem

_LOG = structlog.get_logger("aether_trade.promotion")
_RULES: Final = {Kind.INVALID, Kind.NOT_FOUND, Kind.CONFLICT, Kind.STALE}
_TEMPORARY: Final = {Kind.EXHAUSTED, Kind.DEADLINE}

Q = TypeVar("Q")
R = TypeVar("R")


class RefusedByPromotion(RemoteError, Refused):
    """An error of promotion's rules, as promotion stated it."""


class RemotePromotions:
    def __init__(self, service: port.PromotionService) -> None:
        self._service = service

    def quote(self, buyer: str, items: Sequence[tuple[Item, int]], coupon_ids: Sequence[int], /) -> Quote:
        request = types.QuoteRequest(
            buyer=buyer,
            items=tuple(
                types.QuoteItem(
                    course_id=item.course_id,
                    quantity=item.quantity,
                    price_cents=price_cents,
                    activity_id=item.activity_id,
                )
                for item, price_cents in items
            ),
            coupon_ids=tuple(coupon_ids),
        )
        result = _call(self._service.quote, request)
        return Quote(
            items=tuple(
                QuotedItem(
                    course_id=line.course_id,
                    quantity=line.quantity,
                    price_cents=line.price_cents,
                    discount_cents=line.discount_cents,
                    payable_cents=line.payable_cents,
                )
                for line in result.lines
            ),
            payable_cents=result.payable_cents,
            coupon_ids=result.coupon_ids,
        )

    def reserve(self, order_id: int, buyer: str, item: Item, /, *, until: datetime) -> None:
        if item.activity_id is None:
            raise ValueError(f"course {item.course_id} is not bought in a flash sale")
        request = types.ReserveRequest(
            order_id=order_id,
            buyer=buyer,
            activity_id=item.activity_id,
            quantity=item.quantity,
            expires_at=until,
        )
        _call(self._service.reserve, request)

    def lock_coupons(
        self, order_id: int, buyer: str, coupon_ids: Sequence[int], /, *, until: datetime
    ) -> None:
        request = types.LockCouponsRequest(
            order_id=order_id, buyer=buyer, coupon_ids=tuple(coupon_ids), expires_at=until
        )
        _call(self._service.lock_coupons, request)

    def release(self, order_id: int, /) -> None:
        try:
            self._service.release(types.ReleaseRequest(order_id=order_id))
            self._service.release_coupons(types.ReleaseCouponsRequest(order_id=order_id))
        except (RemoteError, TechnicalError) as error:
            _LOG.warning("left to promotion's sweeper", order_id=order_id, error=str(error))


def _call(method: Callable[[Q], R], request: Q) -> R:
    try:
        return method(request)
    except RemoteError as error:
        if error.kind in _RULES:
            raise RefusedByPromotion(error.problem) from error
        if error.kind in _TEMPORARY:
            raise
        _LOG.error("promotion refused us", type=error.type, detail=error.problem.detail)
        raise Unavailable("Prices are not available at the moment: try again.", retry_after=1.0) from error
