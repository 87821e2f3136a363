from dataclasses import dataclass, replace

from aether.promotion.v1 import port, types
from aether_promotion.application.ports import Clock, Transactions, UnitOfWork
from aether_promotion.application.views import quote_view
from aether_promotion.domain.errors import ItemNotInActivity, TooManyCoupons
from aether_promotion.domain.pricing import Item, PricedOrder, best_price
from aether_promotion.domain.values import MAX_CENTS, MAX_COUPONS_PER_USER, MAX_PIECES, within


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote(port.Quote):
    """Prices an order. The price of a flash sale overrides the catalogue price."""

    transactions: Transactions
    clock: Clock

    def __call__(self, request: types.QuoteRequest, /) -> types.QuoteResult:
        now = self.clock.now()
        coupon_ids = tuple(dict.fromkeys(request.coupon_ids))
        if len(coupon_ids) > MAX_COUPONS_PER_USER:
            raise TooManyCoupons(len(coupon_ids), MAX_COUPONS_PER_USER)

        def reduced(unit: UnitOfWork, requested: types.QuoteItem) -> Item:
            item = _usual(requested)
            if requested.activity_id is None:
                return item
            activity = unit.activities.get(requested.activity_id)
            if activity.course_id != requested.course_id:
                raise ItemNotInActivity(activity.id, requested.course_id)
            activity.running(now)
            return replace(item, price_cents=activity.price_cents)

        def price(unit: UnitOfWork) -> PricedOrder:
            items = [reduced(unit, requested) for requested in request.items]
            coupons = [unit.coupons.get(one, owner=request.buyer) for one in coupon_ids]
            return best_price(items, coupons, now)

        if not coupon_ids and all(requested.activity_id is None for requested in request.items):
            # Nothing is stored about such an order: no transaction.
            return quote_view(best_price([_usual(requested) for requested in request.items], (), now))
        return quote_view(self.transactions.read(price))


def _usual(requested: types.QuoteItem) -> Item:
    """Return the item at the price of the catalogue. Raises `AmountNotUsable`."""
    return Item(
        course_id=requested.course_id,
        price_cents=within("priceCents", requested.price_cents, 0, MAX_CENTS),
        quantity=within("quantity", requested.quantity, 1, MAX_PIECES),
    )
