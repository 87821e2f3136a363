"""What other services are told: domain events in the words of the contract.

The only module that knows both, so that either may change without the other.
"""

from aether_adapters.events import OutgoingEvent

from aether.trade.v1 import events as contract
from aether_trade.domain.events import (
    OrderClosed,
    OrderEvent,
    OrderFinished,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
)

TOPIC = contract.TOPIC
SOURCE = "aether-trade"


def outgoing(event: OrderEvent) -> OutgoingEvent:
    """The event as it leaves; those of one order stay in their order."""
    message = _message(event)
    return OutgoingEvent(
        type=message.TYPE,
        topic=TOPIC,
        key=str(event.order_id),
        payload=contract.to_bytes(message),
        source=SOURCE,
        occurred_at=event.occurred_at,
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
