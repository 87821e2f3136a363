"""The events of the small shop: rows in the outboxes, and messages in the topics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aether.promotion.v1 import events as promotion
from aether.trade.v1 import events as trade
from aether.user.v1 import events as user
from tests.shop.ledger.rows import Event, Line, Message, Order, OutboxRow, Refund

NOW: Final = datetime(2026, 11, 11, 12, tzinfo=UTC)
BEFORE: Final = NOW - timedelta(hours=1)
LATER: Final = NOW + timedelta(hours=1)
SALE, TEMPLATE = 50, 60
ADA, BOB = "1", "2"

# The orders, by their history; the last one was never stored.
USED_COUPON, CANCELLED, PARTLY_REFUNDED, FINISHED, PAID_TOO_LATE, FREE, PENDING, REFUNDED = range(11, 19)
ABANDONED = 999


@dataclass(slots=True)
class Writer:
    """Writes events into outboxes and topics, with one partition each."""

    outboxes: dict[str, list[OutboxRow]] = field(
        default_factory=lambda: {"trade": [], "promotion": [], "user": []}
    )
    messages: list[Message] = field(default_factory=list)

    def publish(self, domain: str, key: object, event: Event) -> None:
        """Write an event to its outbox and to its topic."""
        contract: Any = {"trade": trade, "promotion": promotion, "user": user}[domain]
        number = len(self.outboxes[domain]) + 1
        row = OutboxRow(
            id=number,
            event_id=f"{domain}-{number}",
            type=event.TYPE,
            topic=contract.TOPIC,
            key=str(key),
            payload=contract.to_bytes(event),
            sent_at=NOW,
        )
        self.outboxes[domain].append(row)
        self.send(row)

    def send(self, row: OutboxRow) -> None:
        """Write an outbox row to its topic, also repeatedly."""
        offset = sum(message.topic == row.topic for message in self.messages)
        self.messages.append(
            Message(
                topic=row.topic,
                partition=0,
                offset=offset,
                event_id=row.event_id,
                type=row.type,
                key=row.key,
                payload=row.payload,
            )
        )

    def decide(self, coupon_id: int, generation: int, owner: str) -> None:
        """Write a claim to the log, without an outbox."""
        claim = promotion.ClaimDecided(
            coupon_id=coupon_id,
            template_id=TEMPLATE,
            generation=generation,
            owner=owner,
            idempotency_key=f"claim-{coupon_id}",
            occurred_at=BEFORE,
        )
        self.send(
            OutboxRow(
                id=0,
                event_id=f"claim-{coupon_id}",
                type=claim.TYPE,
                topic=promotion.TOPIC,
                key=str(TEMPLATE),
                payload=promotion.to_bytes(claim),
                sent_at=NOW,
            )
        )


def write_claim_events(write: Writer) -> None:
    """Write three coupons of two generations, and a claim that came too late."""
    write.decide(71, 1, ADA)
    write.publish(
        "promotion", TEMPLATE, promotion.ClaimsClosed(template_id=TEMPLATE, generation=1, occurred_at=BEFORE)
    )
    write.decide(79, 1, BOB)  # behind the mark of its generation, so it is void
    write.decide(72, 2, ADA)
    write.decide(73, 2, BOB)
    for coupon_id, owner in ((71, ADA), (72, ADA), (73, BOB)):
        claimed = promotion.CouponClaimed(
            coupon_id=coupon_id, template_id=TEMPLATE, owner=owner, occurred_at=BEFORE
        )
        write.publish("promotion", TEMPLATE, claimed)


def write_order_events(write: Writer, order: Order, lines: Iterable[Line], refunds: Iterable[Refund]) -> None:
    """Write the events of an order's history."""
    about: dict[str, Any] = {"order_id": order.id, "buyer": order.buyer, "occurred_at": BEFORE}
    placed = trade.OrderPlaced(
        payable_cents=order.payable_cents,
        deadline=order.deadline,
        lines=tuple(
            trade.OrderPlacedLine(
                course_id=line.course_id,
                quantity=line.quantity,
                payable_cents=line.quantity * line.price_cents - line.discount_cents,
                activity_id=line.activity_id,
            )
            for line in lines
            if line.order_id == order.id
        ),
        **about,
    )
    write.publish("trade", order.id, placed)
    if order.payment_id is not None:
        paid = trade.OrderPaid(paid_cents=order.payable_cents, payment_id=order.payment_id, **about)
        write.publish("trade", order.id, paid)
    if order.close_reason is not None:
        write.publish("trade", order.id, trade.OrderClosed(reason=order.close_reason, **about))
    for refund in refunds:
        if refund.order_id == order.id and order.payment_id is not None:
            whole = order.status == "refunded"
            refunded = trade.OrderRefunded(
                refund_id=refund.id, refunded_cents=refund.cents, whole=whole, **about
            )
            write.publish("trade", order.id, refunded)
    if order.status == "finished":
        write.publish("trade", order.id, trade.OrderFinished(**about))


def write_settlement_events(write: Writer) -> None:
    """Write promotion's events after orders were paid or closed."""
    for order_id, seats in ((CANCELLED, 1), (ABANDONED, 3)):
        released = promotion.ReservationReleased(
            order_id=order_id, activity_id=SALE, quantity=seats, occurred_at=BEFORE
        )
        write.publish("promotion", SALE, released)
    redeemed = promotion.CouponRedeemed(
        coupon_id=71, template_id=TEMPLATE, owner=ADA, order_id=USED_COUPON, occurred_at=BEFORE
    )
    write.publish("promotion", 71, redeemed)
