"""Maps domain events to the integration events of the contract, and the user service's events to revocations.

Only this module knows both, so that either may change without the other.
"""

from typing import Final

from aether_adapters.auth.revocations import Revocation
from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.events import IncomingEvent, OutgoingEvent

from aether.trade.v1 import events as contract
from aether.user.v1 import events as user
from aether_trade.domain.events import (
    OrderClosed,
    OrderEvent,
    OrderFinished,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
)

TOPIC: Final = contract.TOPIC
SOURCE: Final = "aether-trade"
USER_TOPIC: Final = user.TOPIC
REVOKED: Final = user.SessionsRevoked.TYPE


def outgoing(event: OrderEvent) -> OutgoingEvent:
    """Return the integration event. Its key is the order's id, so events of one order keep their sequence."""
    message = _message(event)
    return OutgoingEvent(
        type=message.TYPE,
        topic=TOPIC,
        key=str(event.order_id),
        payload=contract.to_bytes(message),
        source=SOURCE,
        occurred_at=event.occurred_at,
    )


def revocation(event: IncomingEvent) -> Revocation:
    """Return the access tokens that the event revokes. Raises `Malformed` if it revokes none."""
    revoked = user.from_bytes(event.type, event.payload)
    if not isinstance(revoked, user.SessionsRevoked):
        raise Malformed("ce_type", f"{event.type} revokes nothing")
    return Revocation(
        subject=revoked.subject, session=revoked.session, before=revoked.revoked_before.timestamp()
    )


def _message(event: OrderEvent) -> contract.Event:
    match event:
        case OrderPlaced():
            return contract.OrderPlaced(
                order_id=event.order_id,
                buyer=event.buyer,
                payable_cents=event.payable_cents,
                deadline=event.deadline,
                lines=tuple(
                    contract.OrderPlacedLine(
                        course_id=line.course_id,
                        quantity=line.quantity,
                        payable_cents=line.payable_cents,
                        activity_id=line.activity_id,
                    )
                    for line in event.lines
                ),
                occurred_at=event.occurred_at,
            )
        case OrderPaid():
            return contract.OrderPaid(
                order_id=event.order_id,
                buyer=event.buyer,
                paid_cents=event.paid_cents,
                payment_id=event.payment_id,
                occurred_at=event.occurred_at,
            )
        case OrderClosed():
            return contract.OrderClosed(
                order_id=event.order_id,
                buyer=event.buyer,
                reason=event.reason.value,
                occurred_at=event.occurred_at,
            )
        case OrderRefunded():
            return contract.OrderRefunded(
                order_id=event.order_id,
                refund_id=event.refund_id,
                buyer=event.buyer,
                refunded_cents=event.refunded_cents,
                whole=event.whole,
                occurred_at=event.occurred_at,
            )
        case OrderFinished():
            return contract.OrderFinished(
                order_id=event.order_id, buyer=event.buyer, occurred_at=event.occurred_at
            )
