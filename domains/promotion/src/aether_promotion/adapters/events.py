"""Maps domain events to the integration events of the contracts, and back.

Only this module knows both, so that either may change without the other.
"""

from aether_adapters.auth.revocations import Revocation
from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.events import IncomingEvent, OutgoingEvent

from aether.promotion.v1 import events as contract
from aether.trade.v1 import events as trade
from aether.user.v1 import events as user
from aether_promotion.domain.events import (
    ClaimDecided,
    ClaimsClosed,
    CouponClaimed,
    CouponRedeemed,
    PromotionEvent,
    ReservationReleased,
)

TOPIC = contract.TOPIC
TRADE_TOPIC = trade.TOPIC
USER_TOPIC = user.TOPIC
REVOKED = user.SessionsRevoked.TYPE
CLAIM_DECIDED = contract.ClaimDecided.TYPE
CLAIMS_CLOSED = contract.ClaimsClosed.TYPE
ORDER_PAID = trade.OrderPaid.TYPE
ORDER_CLOSED = trade.OrderClosed.TYPE
SOURCE = "aether-promotion"


def outgoing(event: PromotionEvent) -> OutgoingEvent:
    """Return the integration event. Events with one key keep their sequence."""
    message, key = _message(event)
    return OutgoingEvent(
        type=message.TYPE,
        topic=TOPIC,
        key=str(key),
        payload=contract.to_bytes(message),
        source=SOURCE,
        occurred_at=event.occurred_at,
    )


def incoming(event: IncomingEvent) -> PromotionEvent:
    """Return the domain event. Raises `Malformed` for a type that is not in the contract."""
    match contract.from_bytes(event.type, event.payload):
        case contract.ClaimDecided() as decided:
            return ClaimDecided(
                coupon_id=decided.coupon_id,
                template_id=decided.template_id,
                generation=decided.generation,
                owner=decided.owner,
                idempotency_key=decided.idempotency_key,
                occurred_at=decided.occurred_at,
            )
        case contract.ClaimsClosed() as closed:
            return ClaimsClosed(
                template_id=closed.template_id,
                generation=closed.generation,
                occurred_at=closed.occurred_at,
            )
        case contract.CouponClaimed() as claimed:
            return CouponClaimed(
                coupon_id=claimed.coupon_id,
                template_id=claimed.template_id,
                owner=claimed.owner,
                occurred_at=claimed.occurred_at,
            )
        case contract.CouponRedeemed() as redeemed:
            return CouponRedeemed(
                coupon_id=redeemed.coupon_id,
                template_id=redeemed.template_id,
                owner=redeemed.owner,
                order_id=redeemed.order_id,
                occurred_at=redeemed.occurred_at,
            )
        case contract.ReservationReleased() as released:
            return ReservationReleased(
                order_id=released.order_id,
                activity_id=released.activity_id,
                quantity=released.quantity,
                occurred_at=released.occurred_at,
            )


def settled_order(event: IncomingEvent) -> int:
    """Return the id of the order that was paid or closed. Raises `Malformed` for any other event."""
    match trade.from_bytes(event.type, event.payload):
        case trade.OrderPaid(order_id=order_id) | trade.OrderClosed(order_id=order_id):
            return order_id
        case _:
            raise Malformed("ce_type", f"{event.type} settles no order")


def revocation(event: IncomingEvent) -> Revocation:
    """Return the access tokens that the event revokes. Raises `Malformed` if it revokes none."""
    match user.from_bytes(event.type, event.payload):
        case user.SessionsRevoked(subject=subject, session=session, revoked_before=before):
            return Revocation(subject=subject, session=session, before=before.timestamp())
        case _:
            raise Malformed("ce_type", f"{event.type} revokes nothing")


def _message(event: PromotionEvent) -> tuple[contract.Event, int]:
    """Return the message, and the id of the aggregate."""
    match event:
        case ClaimDecided():
            decided = contract.ClaimDecided(
                coupon_id=event.coupon_id,
                template_id=event.template_id,
                generation=event.generation,
                owner=event.owner,
                idempotency_key=event.idempotency_key,
                occurred_at=event.occurred_at,
            )
            return decided, event.template_id
        case ClaimsClosed():
            closed = contract.ClaimsClosed(
                template_id=event.template_id,
                generation=event.generation,
                occurred_at=event.occurred_at,
            )
            return closed, event.template_id
        case CouponClaimed():
            claimed = contract.CouponClaimed(
                coupon_id=event.coupon_id,
                template_id=event.template_id,
                owner=event.owner,
                occurred_at=event.occurred_at,
            )
            return claimed, event.template_id
        case CouponRedeemed():
            redeemed = contract.CouponRedeemed(
                coupon_id=event.coupon_id,
                template_id=event.template_id,
                owner=event.owner,
                order_id=event.order_id,
                occurred_at=event.occurred_at,
            )
            return redeemed, event.coupon_id
        case ReservationReleased():
            released = contract.ReservationReleased(
                order_id=event.order_id,
                activity_id=event.activity_id,
                quantity=event.quantity,
                occurred_at=event.occurred_at,
            )
            return released, event.activity_id
