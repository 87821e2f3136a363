"""The checks report every way in which the shop could lose or duplicate something."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from aether.trade.v1 import events as trade
from tests.shop.corruptions import (
    SHOP,
    Corrupt,
    acknowledged,
    doubled,
    in_outbox,
    in_table,
    inbox,
    message_of,
    more,
    never_published,
    outbox_row,
    without,
)
from tests.shop.ledger import Ledger, discrepancies
from tests.shop.ledger.check import CHECKS
from tests.shop.ledger.rows import InboxRow, SentBack
from tests.shop.small_shop_events import (
    ABANDONED,
    ADA,
    CANCELLED,
    FINISHED,
    PARTLY_REFUNDED,
    PENDING,
    REFUNDED,
    SALE,
    TEMPLATE,
    USED_COUPON,
)


def another_amount(ledger: Ledger) -> Ledger:
    """Add one cent to OrderPaid, in the outbox and in Kafka."""
    row, message = outbox_row("OrderPaid", FINISHED), message_of("OrderPaid", FINISHED)
    event = row.event
    assert isinstance(event, trade.OrderPaid)
    payload = trade.to_bytes(replace(event, paid_cents=event.paid_cents + 1))
    ledger = in_outbox("trade", replace(row, payload=payload))(ledger)
    return in_table("messages", {"event_id": message.event_id}, payload=payload)(ledger)


PAID_EVENT: Final = outbox_row("OrderPaid", FINISHED)
PAID_MESSAGE: Final = message_of("OrderPaid", FINISHED)
MARK: Final = message_of("ClaimsClosed", TEMPLATE, "promotion")

CORRUPTIONS: Final[dict[str, tuple[Corrupt, str]]] = {
    "a seat too many is sold": (
        in_table("activities", {"id": SALE}, sold=4),
        "promotion, activity 50: seats that are confirmed: expected 3, found 4",
    ),
    "a sale is oversold": (
        in_table("activities", {"id": SALE}, quantity=3),
        "promotion, activity 50: seats held and sold: expected at most 3, found 4",
    ),
    "a reservation is lost": (
        without("reservations", {"order_id": USED_COUPON}),
        "promotion, reservation of order 11 in activity 50: seats: expected 2, found 0",
    ),
    "a reservation is left held": (
        in_table("reservations", {"order_id": CANCELLED}, status="held"),
        "promotion, reservation of order 12 in activity 50, which is closed: status: expected released, found held",
    ),
    "a reservation without an order is left held": (
        in_table("reservations", {"order_id": ABANDONED}, status="held"),
        "promotion, reservation of order 999 in activity 50: expected released, because there is no such order, "
        "found held",
    ),
    "a seat was reserved that nobody ordered": (
        in_table("lines", {"order_id": USED_COUPON}, activity_id=None),
        "trade, order 11: lines in activity 50: expected 2 seats, found none",
    ),
    "a release is told twice": (
        doubled("ReservationReleased", SALE, "promotion"),
        "promotion's outbox, reservation of order 12 in activity 50: ReservationReleased events: expected 1, found 2",
    ),
    "Redis counts a seat too few": (
        in_table("stock", {"activity_id": SALE}, left=5),
        "Redis, activity 50: seats left: expected 6, found 5",
    ),
    "Redis remembers an order that has no seat": (
        in_table("stock", {"activity_id": SALE}, holds={PENDING: 1, CANCELLED: 1}),
        "Redis, activity 50: seats by order: expected {17: 1}, found {17: 1, 12: 1}",
    ),
    "an order costs one cent more than its lines": (
        in_table("orders", {"id": FINISHED}, payable_cents=4901),
        "trade, order 14: cents that its lines sum to: expected 4901, found 4900",
    ),
    "a discount is more than its line": (
        in_table("lines", {"order_id": FINISHED}, discount_cents=5000),
        "trade, order 14: discount of line 1: expected 0 to 4900, found 5000",
    ),
    "an order is lost": (
        without("orders", {"id": FINISHED}),
        "trade's outbox, order 14: expected no events, because there is no such order, "
        "found OrderPlaced, OrderPaid, OrderFinished",
    ),
    "the lines of an order are lost": (
        without("lines", {"order_id": FINISHED}),
        "trade, order 14: cents that its lines sum to: expected 4900, found 0",
    ),
    "an order is left pending": (
        in_table("orders", {"id": PENDING}, deadline=SHOP.taken_at),
        "trade, order 17, pending payment: its deadline has passed: expected it closed or paid, found it pending",
    ),
    "an order is paid and names no payment": (
        in_table("orders", {"id": FINISHED}, payment_id=None),
        "trade, order 14, finished: it names a payment: expected True, found False",
    ),
    "an order is paid twice": (
        more("payments", replace(SHOP.payments[3], payment_id="pay_again")),
        "provider, order 14: cents that it keeps: expected 4900, found 9800",
    ),
    "a payment is told of twice": (
        doubled("OrderPaid", FINISHED),
        "trade's outbox, order 14, finished: OrderPaid events: expected 1, found 2",
    ),
    "an order is paid of which the provider knows nothing": (
        without("payments", {"order_id": FINISHED}),
        "provider, payment pay_14 of order 14: expected 4900 cents paid, found nothing",
    ),
    "the provider took one cent less": (
        in_table("payments", {"order_id": FINISHED}, amount_cents=4899),
        "provider, payment pay_14 of order 14: cents paid: expected 4900, found 4899",
    ),
    "OrderPaid says one cent more": (
        another_amount,
        "trade's outbox, order 14, finished: cents of OrderPaid: expected 4900, found 4901",
    ),
    "a refund is missing at the provider": (
        without("sent_back", {"refund_id": 84}),
        "provider, refund 84 of order 18: expected 995 cents, found none",
    ),
    "money that came too late is kept": (
        without("sent_back", {"refund_id": 83}),
        "provider, order 15: cents that it keeps: expected 0, found 500",
    ),
    "a refund is owed still": (
        in_table("refunds", {"id": 83}, sent_at=None),
        "trade, refund 83 of order 15: expected it sent, found it owed still",
    ),
    "a refund is lost": (
        without("refunds", {"id": 81}),
        "trade's outbox, order 13, partly refunded: cents by refund: expected {82: 167}, found {81: 166, 82: 167}",
    ),
    "the provider sent a refund that nobody owed": (
        more("sent_back", SentBack(refund_id=89, payment_id="pay_14", amount_cents=1)),
        "trade, refund 89: expected one, because the provider sent it, found none",
    ),
    "a refund is told twice": (
        doubled("OrderRefunded", REFUNDED),
        "trade's outbox, order 18, refunded: OrderRefunded events of refund 84: expected 1, found 2",
    ),
    "an idempotency key led to two orders": (
        in_table("keys", {"result": str(FINISHED)}, result=str(REFUNDED)),
        "trade, order 18: idempotency keys that lead to it: expected 1, found 2",
    ),
    "an idempotency key leads to somebody else's order": (
        in_table("keys", {"result": str(PENDING)}, scope=ADA),
        "trade, idempotency key key-17 of 1: the buyer of its order: expected 1, found 2",
    ),
    "a coupon is redeemed twice": (
        in_table("orders", {"id": FINISHED}, coupon_ids=(71,)),
        "trade, coupon 71: paid orders that used it: expected 1, found 11, 14",
    ),
    "a coupon is left locked": (
        in_table("coupons", {"id": 72}, status="locked", order_id=CANCELLED),
        "promotion, coupon 72 of order 12, closed: status: expected not this order's, found locked",
    ),
    "a used coupon is given back": (
        in_table("coupons", {"id": 71}, status="unused", order_id=None),
        "promotion, coupon 71 of order 11, paid: status: expected used, found not this order's",
    ),
    "a use is told twice": (
        doubled("CouponRedeemed", 71, "promotion"),
        "promotion's outbox, coupon 71: CouponRedeemed events of order 11: expected 1, found 2",
    ),
    "a claimed coupon is lost": (
        without("coupons", {"id": 72}),
        "promotion, coupon 72 of template 60: coupon by the log of claims: expected one of 1, found none",
    ),
    "a claim behind the mark is counted": (
        in_table("messages", {"event_id": MARK.event_id}, offset=-1),
        "promotion, coupon 71 of template 60: coupon by the log of claims: expected none, found one of 1",
    ),
    "a claim authority miscounts": (
        in_table("claim_authorities", {"template_id": TEMPLATE}, claimed=2),
        "promotion, template 60: claimed coupons: expected 3, found 2",
    ),
    "a quota is exceeded": (
        in_table("claim_authorities", {"template_id": TEMPLATE}, quota=2),
        "promotion, template 60: coupons: expected at most 2, found 3",
    ),
    "somebody has more coupons than the limit": (
        in_table("templates", {"id": TEMPLATE}, limit_per_user=1),
        "promotion, template 60: coupons of 1: expected at most 1, found 2",
    ),
    "Redis counts a claim too many": (
        in_table("claims", {"template_id": TEMPLATE}, left=1),
        "Redis, template 60: coupons left: expected 2, found 1",
    ),
    "a decided claim waits for ever": (
        in_table("claims", {"template_id": TEMPLATE}, waiting=frozenset({72})),
        "Redis, template 60: claims that wait: expected set(), found {72}",
    ),
    "a generation ends twice": (
        doubled("ClaimsClosed", TEMPLATE, "promotion"),
        "promotion's outbox, template 60: marks of generation 1: expected 1, found 2",
    ),
    "an outbox row is not sent": (
        in_outbox("trade", replace(PAID_EVENT, sent_at=None)),
        "trade's outbox, row 10, OrderPaid of 14: expected it sent, found it waiting",
    ),
    "an event is lost on its way": (
        without("messages", {"event_id": PAID_EVENT.event_id}),
        "Kafka, OrderPaid of 14, event trade-10: copies in aether.trade.v1: expected at least 1, found 0",
    ),
    "an event is never told": (
        never_published("trade", "OrderPaid", FINISHED),
        "trade's outbox, order 14, finished: OrderPaid events: expected 1, found 0",
    ),
    "Kafka has an event that stands in no outbox": (
        more("messages", replace(PAID_MESSAGE, event_id="nobody's", offset=1000)),
        f"Kafka, {PAID_MESSAGE.event} at aether.trade.v1/0/1000: expected it in an outbox, found it in none",
    ),
    "two events of a key change places": (
        in_table("messages", {"event_id": PAID_EVENT.event_id}, offset=-1),
        "Kafka, aether.trade.v1, key 14: the order of outbox rows: expected [9, 10, 11], found [10, 9, 11]",
    ),
    "the events of a key go to two partitions": (
        in_table("messages", {"event_id": PAID_EVENT.event_id}, partition=1),
        "Kafka, aether.trade.v1, key 14: partitions: expected 1, found 2",
    ),
    "an event is given up": (
        more("messages", replace(PAID_MESSAGE, topic="aether.trade.v1.dead", reason="no more seats")),
        "Kafka, aether.trade.v1.dead/0/9: dead letters: expected none, "
        "found aether.trade.v1.OrderPaid of 14: no more seats",
    ),
    "points are credited twice": (
        in_table("points", {"order_id": FINISHED}, points=98),
        "user, points of order 14: points: expected 49, found 98",
    ),
    "points are never credited": (
        without("points", {"order_id": FINISHED}),
        "user, points of order 14: expected those for 4900 cents, found none",
    ),
    "points outlive a refund": (
        in_table("points", {"order_id": PARTLY_REFUNDED}, refunded_cents=166, points=8),
        "user, points of order 13: refunded cents: expected 333, found 166",
    ),
    "a payment is not noted in the ledger's inbox": (
        inbox("user", lost=f"paid:{FINISHED}"),
        "user's inbox, points: notes of paid:14: expected 1, found 0",
    ),
    "a payment is noted that no order counts": (
        inbox("trade", InboxRow(consumer="payment", event_id="pay_99")),
        "trade's inbox, payments: notes of pay_99: expected 0, found 1",
    ),
    "a user is lost": (
        without("users", {"id": 2}),
        "user's outbox, user 2, bob: UserRegistered events: expected 0, found 1",
    ),
    "an order that was promised is lost": (
        acknowledged(placed={(ADA, "promised"): 9}),
        "trade, idempotency key promised of 1: order, as its buyer was told: expected 9, found None",
    ),
    "an order that was cancelled goes on": (
        acknowledged(ended={FINISHED: "closed"}),
        "trade, order 14: status, as its buyer was told: expected closed, found finished",
    ),
    "a coupon that was promised is lost": (
        acknowledged(claimed={78: ADA}),
        "promotion, coupon 78: owner, who was told yes: expected 1, found None",
    ),
    "a name that was saved is lost": (
        acknowledged(names={1: "Augusta"}),
        "user, user 1: display name, as it was confirmed: expected Augusta, found Ada",
    ),
}


def test_books_that_agree_are_left_alone() -> None:
    assert discrepancies(SHOP) == []


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_each_disagreement_is_reported(corruption: str) -> None:
    corrupt, sentence = CORRUPTIONS[corruption]
    assert sentence in discrepancies(corrupt(SHOP))


def test_no_check_is_idle() -> None:
    """Each check finds at least one of the corruptions."""
    corrupted = [corrupt(SHOP) for corrupt, _ in CORRUPTIONS.values()]
    idle = [check.__name__ for check in CHECKS if not any(any(check(ledger)) for ledger in corrupted)]
    assert idle == []
