"""Orders, payments and refunds, in trade and at the payment provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from aether.trade.v1.events import OrderClosed, OrderFinished, OrderPaid, OrderPlaced, OrderRefunded
from tests.shop.ledger.ledger import PAID, Ledger, differ, grouped
from tests.shop.ledger.rows import Line, Order, OutboxRow, Refund


def keys_lead_to_one_order_each(ledger: Ledger) -> Iterator[str]:
    orders = {order.id: order for order in ledger.orders}
    keys = grouped((key for key in ledger.keys if key.result is not None), lambda key: int(key.result or 0))
    for order in ledger.orders:
        found = len(keys[order.id])
        yield from differ(
            f"trade, order {order.id}", "idempotency keys that lead to it", expected=1, found=found
        )
    for order_id, leading in keys.items():
        for key in leading:
            where = f"trade, idempotency key {key.key} of {key.scope}"
            if order_id not in orders:
                yield f"{where}: the order it leads to: expected order {order_id}, found none"
            else:
                buyer = orders[order_id].buyer
                yield from differ(where, "the buyer of its order", expected=key.scope, found=buyer)


def lines_sum_to_their_order(ledger: Ledger) -> Iterator[str]:
    lines = grouped(ledger.lines, lambda line: line.order_id)
    for order in ledger.orders:
        where = f"trade, order {order.id}"
        payable = sum(line.quantity * line.price_cents - line.discount_cents for line in lines[order.id])
        yield from differ(where, "cents that its lines sum to", expected=order.payable_cents, found=payable)
        for line in lines[order.id]:
            if not 0 <= line.discount_cents <= line.quantity * line.price_cents:
                most = line.quantity * line.price_cents
                yield f"{where}: discount of line {line.number}: expected 0 to {most}, found {line.discount_cents}"
    for order_id in lines.keys() - {order.id for order in ledger.orders}:
        yield f"trade, lines of order {order_id}: their order: expected one, found none"


def orders_are_in_a_state_that_fits(ledger: Ledger) -> Iterator[str]:
    lines = grouped(ledger.lines, lambda line: line.order_id)
    for order in ledger.orders:
        where = f"trade, order {order.id}, {order.status}"
        paid, closed = order.status in PAID, order.status == "closed"
        yield from differ(where, "it names a payment", expected=paid, found=order.payment_id is not None)
        yield from differ(
            where, "it names why it was closed", expected=closed, found=order.close_reason is not None
        )
        yield from differ(
            where, "refunded pieces say", expected=_refunded(order), found=_pieces(lines[order.id])
        )
        if order.status == "pending payment" and order.deadline <= ledger.taken_at:
            yield f"{where}: its deadline has passed: expected it closed or paid, found it pending"


def _refunded(order: Order) -> str:
    return {"refunded": "all", "partly refunded": "some"}.get(order.status, "none")


def _pieces(lines: tuple[Line, ...]) -> str:
    if any(not 0 <= line.refunded_quantity <= line.quantity for line in lines):
        return "more than there were"
    if all(line.refunded_quantity == line.quantity for line in lines):
        return "all"
    return "some" if any(line.refunded_quantity for line in lines) else "none"


def the_provider_has_the_same_payments(ledger: Ledger) -> Iterator[str]:
    """Every paid order was paid at the provider, and the provider keeps exactly what the order says."""
    orders = {order.id: order for order in ledger.orders}
    payments = {payment.payment_id: payment for payment in ledger.payments}
    for order in ledger.orders:
        where = f"provider, payment {order.payment_id} of order {order.id}"
        if order.payment_id is None or (order.payment_id == "" and order.payable_cents == 0):
            continue
        payment = payments.get(order.payment_id)
        if payment is None or not payment.paid:
            yield f"{where}: expected {order.payable_cents} cents paid, found nothing"
            continue
        yield from differ(where, "the order it is for", expected=order.id, found=payment.order_id)
        yield from differ(where, "cents paid", expected=order.payable_cents, found=payment.amount_cents)
    refunded: Counter[str] = Counter()
    for sent in ledger.sent_back:
        refunded[sent.payment_id] += sent.amount_cents
    paid = grouped((payment for payment in ledger.payments if payment.paid), lambda payment: payment.order_id)
    for order_id, received in paid.items():
        kept = sum(payment.amount_cents - refunded[payment.payment_id] for payment in received)
        known = orders.get(order_id)
        due = known.payable_cents - known.refunded_cents if known and known.status in PAID else 0
        yield from differ(f"provider, order {order_id}", "cents that it keeps", expected=due, found=kept)


def the_provider_has_the_same_refunds(ledger: Ledger) -> Iterator[str]:
    sent_back = {sent.refund_id: sent for sent in ledger.sent_back}
    refunds = {refund.id: refund for refund in ledger.refunds}
    for refund in ledger.refunds:
        where = f"provider, refund {refund.id} of order {refund.order_id}"
        if refund.sent_at is None:
            yield f"trade, refund {refund.id} of order {refund.order_id}: expected it sent, found it owed still"
        sent = sent_back.get(refund.id)
        if sent is None:
            yield f"{where}: expected {refund.cents} cents, found none"
        else:
            yield from differ(where, "cents", expected=refund.cents, found=sent.amount_cents)
            yield from differ(where, "payment", expected=refund.payment_id, found=sent.payment_id)
    for refund_id in sent_back.keys() - refunds.keys():
        yield f"trade, refund {refund_id}: expected one, because the provider sent it, found none"


def each_step_of_an_order_is_published_once(ledger: Ledger) -> Iterator[str]:
    """The outbox has an event for each step of an order, once, in sequence, with its amounts."""
    rows = [row for row in ledger.outboxes.get("trade", ()) if row.key.isdecimal()]
    by_order = grouped(rows, lambda row: int(row.key))
    refunds = grouped(ledger.refunds, lambda refund: refund.order_id)
    for order in ledger.orders:
        yield from _events_of(order, by_order[order.id], refunds[order.id])
    for order_id in by_order.keys() - {order.id for order in ledger.orders}:
        types = ", ".join(_name(row.type) for row in by_order[order_id])
        yield f"trade's outbox, order {order_id}: expected no events, because there is no such order, found {types}"


def _events_of(order: Order, rows: tuple[OutboxRow, ...], refunds: tuple[Refund, ...]) -> Iterator[str]:
    where = f"trade's outbox, order {order.id}, {order.status}"
    events = [row.event for row in sorted(rows, key=lambda row: row.id)]
    counts = Counter(type(event) for event in events)
    steps = {
        OrderPlaced: 1,
        OrderPaid: int(order.status in PAID),
        OrderClosed: int(order.status == "closed"),
        OrderFinished: int(order.status == "finished"),
    }
    for step, expected in steps.items():
        yield from differ(where, f"{step.__name__} events", expected=expected, found=counts[step])
    ranks = [_RANKS.get(type(event), 0) for event in events]
    yield from differ(where, "the order of its events", expected=sorted(ranks), found=ranks)
    refunded = {}
    for event in events:
        match event:
            case OrderPlaced(payable_cents=cents, lines=lines):
                yield from differ(where, "cents of OrderPlaced", expected=order.payable_cents, found=cents)
                parts = sum(line.payable_cents for line in lines)
                yield from differ(where, "cents of its lines", expected=cents, found=parts)
            case OrderPaid(paid_cents=cents, payment_id=payment_id):
                yield from differ(where, "cents of OrderPaid", expected=order.payable_cents, found=cents)
                yield from differ(where, "payment of OrderPaid", expected=order.payment_id, found=payment_id)
            case OrderClosed(reason=reason):
                yield from differ(where, "reason of OrderClosed", expected=order.close_reason, found=reason)
            case OrderRefunded(refund_id=refund_id, refunded_cents=cents):
                if refund_id in refunded:
                    yield f"{where}: OrderRefunded events of refund {refund_id}: expected 1, found 2"
                refunded[refund_id] = cents
        yield from differ(
            where, "buyer of an event", expected=order.buyer, found=getattr(event, "buyer", None)
        )
    owed = {refund.id: refund.cents for refund in refunds if refund.payment_id == order.payment_id}
    with_money = {refund_id: cents for refund_id, cents in refunded.items() if cents}
    if order.status in PAID:
        yield from differ(where, "cents by refund", expected=owed, found=with_money)
        yield from differ(where, "cents refunded", expected=order.refunded_cents, found=sum(owed.values()))


_RANKS = {OrderPlaced: 0, OrderPaid: 1, OrderClosed: 1, OrderRefunded: 2, OrderFinished: 3}


def _name(type_name: str) -> str:
    return type_name.rpartition(".")[2]


CHECKS = (
    keys_lead_to_one_order_each,
    lines_sum_to_their_order,
    orders_are_in_a_state_that_fits,
    the_provider_has_the_same_payments,
    the_provider_has_the_same_refunds,
    each_step_of_an_order_is_published_once,
)
