"""A small handwritten shop without discrepancies: a few orders, each with a different history."""

from __future__ import annotations

from typing import Any, Final

from aether.user.v1 import events as user
from tests.shop.ledger.ledger import Ledger
from tests.shop.ledger.rows import (
    Acknowledged,
    Activity,
    ClaimAuthority,
    ClaimCounter,
    Coupon,
    IdempotencyKey,
    InboxRow,
    Line,
    Order,
    OrderPoints,
    Payment,
    Refund,
    Reservation,
    SentBack,
    StockCounter,
    Template,
    User,
)
from tests.shop.small_shop_events import (
    ABANDONED,
    ADA,
    BEFORE,
    BOB,
    CANCELLED,
    FINISHED,
    FREE,
    LATER,
    NOW,
    PAID_TOO_LATE,
    PARTLY_REFUNDED,
    PENDING,
    REFUNDED,
    SALE,
    TEMPLATE,
    USED_COUPON,
    Writer,
    write_claim_events,
    write_order_events,
    write_settlement_events,
)


def small_shop() -> Ledger:
    """Return a ledger of eight orders: one for each possible history."""
    write = Writer()
    for user_id, name in ((1, "ada"), (2, "bob")):
        write.publish(
            "user", user_id, user.UserRegistered(user_id=user_id, username=name, occurred_at=BEFORE)
        )
    write_claim_events(write)
    for order in _ORDERS:
        write_order_events(write, order, _LINES, _REFUNDS)
    write_settlement_events(write)
    rows = write.outboxes["promotion"]
    write.send(rows[-1])  # a relay that died may send an event twice; that is not a discrepancy
    return Ledger(
        taken_at=NOW,
        orders=_ORDERS,
        lines=_LINES,
        refunds=_REFUNDS,
        keys=tuple(
            IdempotencyKey(scope=order.buyer, key=f"key-{order.id}", result=str(order.id))
            for order in _ORDERS
        ),
        activities=(Activity(id=SALE, quantity=10, held=1, sold=3),),
        reservations=(
            _reservation(USED_COUPON, 2, "confirmed"),
            _reservation(CANCELLED, 1, "released"),
            _reservation(PENDING, 1, "held", buyer=BOB),
            _reservation(REFUNDED, 1, "confirmed"),  # a refund does not return the seat
            _reservation(ABANDONED, 3, "released"),  # its order was never stored
        ),
        templates=(Template(id=TEMPLATE, quota=5, limit_per_user=3),),
        claim_authorities=(
            ClaimAuthority(template_id=TEMPLATE, quota=5, claimed=3, generation=2, decides="redis"),
        ),
        coupons=(
            _coupon(71, "used", order_id=USED_COUPON),
            _coupon(72, "unused"),
            _coupon(73, "locked", owner=BOB, order_id=PENDING, locked_until=LATER),
        ),
        users=(
            User(id=1, username="ada", display_name="Ada"),
            User(id=2, username="bob", display_name="Bob"),
        ),
        points=tuple(_points()),
        outboxes={domain: tuple(rows) for domain, rows in write.outboxes.items()},
        inboxes={
            "user": tuple(InboxRow(consumer="points", event_id=fact) for fact in _FACTS),
            "trade": tuple(
                InboxRow(consumer="payment", event_id=payment.payment_id)
                for payment in _PAYMENTS
                if payment.paid
            ),
        },
        stock=(StockCounter(activity_id=SALE, left=6, holds={PENDING: 1}),),
        claims=(
            ClaimCounter(
                template_id=TEMPLATE,
                generation=2,
                left=2,
                coupons={ADA: frozenset({71, 72}), BOB: frozenset({73})},
                waiting=frozenset(),
            ),
        ),
        messages=tuple(write.messages),
        payments=_PAYMENTS,
        sent_back=tuple(
            SentBack(refund_id=refund.id, payment_id=refund.payment_id, amount_cents=refund.cents)
            for refund in _REFUNDS
        ),
        acknowledged=Acknowledged(
            placed={(ADA, f"key-{USED_COUPON}"): USED_COUPON},
            ended={FINISHED: "finished", CANCELLED: "closed"},
            claimed={71: ADA, 73: BOB},
            names={1: "Ada"},
        ),
    )


def _order(number: int, status: str, cents: int, **more: Any) -> Order:
    fields: dict[str, Any] = {"buyer": ADA, "refunded_cents": 0, "deadline": BEFORE}
    if status not in ("closed", "pending payment"):
        fields["payment_id"] = f"pay_{number}"
    return Order(**{"id": number, "status": status, "payable_cents": cents, **fields, **more})


_ORDERS: Final = (
    _order(USED_COUPON, "paid", 1490, coupon_ids=(71,)),
    _order(CANCELLED, "closed", 995, close_reason="cancelled", coupon_ids=(72,)),
    _order(PARTLY_REFUNDED, "partly refunded", 1000, refunded_cents=333),
    _order(FINISHED, "finished", 4900),
    _order(PAID_TOO_LATE, "closed", 500, close_reason="overdue"),
    _order(FREE, "paid", 0, payment_id=""),
    _order(PENDING, "pending payment", 495, buyer=BOB, deadline=LATER, coupon_ids=(73,)),
    _order(REFUNDED, "refunded", 995, refunded_cents=995),
)


def _line(order_id: int, number: int, quantity: int, price: int, discount: int = 0, **more: Any) -> Line:
    return Line(
        order_id=order_id,
        number=number,
        course_id=number,
        quantity=quantity,
        price_cents=price,
        discount_cents=discount,
        **more,
    )


_LINES: Final = (
    _line(USED_COUPON, 1, 2, 995, 500, activity_id=SALE),
    _line(CANCELLED, 1, 1, 995, activity_id=SALE),
    _line(PARTLY_REFUNDED, 1, 3, 200, 100, refunded_quantity=2),
    _line(PARTLY_REFUNDED, 2, 1, 500),
    _line(FINISHED, 1, 1, 4900),
    _line(PAID_TOO_LATE, 1, 1, 500),
    _line(FREE, 1, 1, 300, 300),
    _line(PENDING, 1, 1, 995, 500, activity_id=SALE),
    _line(REFUNDED, 1, 1, 995, activity_id=SALE, refunded_quantity=1),
)
_REFUNDS: Final = (
    Refund(id=81, order_id=PARTLY_REFUNDED, payment_id=f"pay_{PARTLY_REFUNDED}", cents=166, sent_at=NOW),
    Refund(id=82, order_id=PARTLY_REFUNDED, payment_id=f"pay_{PARTLY_REFUNDED}", cents=167, sent_at=NOW),
    Refund(id=83, order_id=PAID_TOO_LATE, payment_id=f"pay_{PAID_TOO_LATE}", cents=500, sent_at=NOW),
    Refund(id=84, order_id=REFUNDED, payment_id=f"pay_{REFUNDED}", cents=995, sent_at=NOW),
)
_PAYMENTS: Final = tuple(
    Payment(
        payment_id=f"pay_{order.id}",
        order_id=order.id,
        amount_cents=order.payable_cents,
        paid=order.id not in (CANCELLED, PENDING),
    )
    for order in _ORDERS
    if order.id != FREE
)
_PAID: Final = [order for order in _ORDERS if order.status not in ("closed", "pending payment")]
_FACTS: Final = [*(f"paid:{order.id}" for order in _PAID), "refunded:81", "refunded:82", "refunded:84"]


def _reservation(order_id: int, seats: int, status: str, buyer: str = ADA) -> Reservation:
    return Reservation(
        order_id=order_id, activity_id=SALE, buyer=buyer, quantity=seats, expires_at=BEFORE, status=status
    )


def _coupon(number: int, status: str, owner: str = ADA, **more: Any) -> Coupon:
    return Coupon(
        id=number, template_id=TEMPLATE, owner=owner, claim_key=f"claim-{number}", status=status, **more
    )


def _points() -> list[OrderPoints]:
    return [
        OrderPoints(
            order_id=order.id,
            user_id=int(order.buyer),
            paid_cents=order.payable_cents,
            refunded_cents=order.refunded_cents,
            points=(order.payable_cents - order.refunded_cents) // 100,
        )
        for order in _PAID
    ]
