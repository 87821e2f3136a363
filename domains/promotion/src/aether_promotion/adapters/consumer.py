"""Maps events from the topics to use cases.

Each handler is idempotent by the id of its order or coupon, so this domain needs no inbox.
"""

from collections.abc import Callable
from typing import cast

from aether_adapters.kafka import BatchHandler
from aether_adapters.kernel.events import IncomingEvent

from aether.promotion.v1 import types
from aether_promotion.adapters.events import (
    CLAIM_DECIDED,
    CLAIMS_CLOSED,
    ORDER_CLOSED,
    ORDER_PAID,
    incoming,
    settled_order,
)
from aether_promotion.application.persist_claim import PersistClaims, SettleClaims
from aether_promotion.application.settle_order import Confirm, RedeemCoupons, Release, ReleaseCoupons
from aether_promotion.domain.events import ClaimDecided, ClaimsClosed

Handler = Callable[[IncomingEvent], None]


def claim_handlers(persist_claims: PersistClaims, settle_claims: SettleClaims) -> dict[str, Handler]:
    """Return the handlers for the log of claims."""
    return {
        CLAIM_DECIDED: lambda event: persist_claims([cast(ClaimDecided, incoming(event))]),
        CLAIMS_CLOSED: lambda event: settle_claims(cast(ClaimsClosed, incoming(event))),
    }


def claim_batches(persist_claims: PersistClaims) -> dict[str, BatchHandler]:
    """Return the handlers of several events at once for the log of claims."""
    return {
        CLAIM_DECIDED: lambda events: persist_claims(
            [cast(ClaimDecided, incoming(event)) for event in events]
        )
    }


def order_handlers(
    confirm: Confirm, redeem: RedeemCoupons, release: Release, release_coupons: ReleaseCoupons
) -> dict[str, Handler]:
    """Return the handlers for paid and closed orders."""

    def paid(event: IncomingEvent) -> None:
        order_id = settled_order(event)
        redeem(types.RedeemCouponsRequest(order_id=order_id))
        confirm(types.ConfirmRequest(order_id=order_id))

    def closed(event: IncomingEvent) -> None:
        order_id = settled_order(event)
        release(types.ReleaseRequest(order_id=order_id))
        release_coupons(types.ReleaseCouponsRequest(order_id=order_id))

    return {ORDER_PAID: paid, ORDER_CLOSED: closed}
