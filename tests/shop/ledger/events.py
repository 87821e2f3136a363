"""Events: each is sent from its outbox, reaches its topic at least once in order of its key, and counts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from aether.promotion.v1.events import ClaimDecided
from aether.trade.v1.events import OrderPaid, OrderRefunded
from aether.user.v1.events import UserRegistered
from tests.shop.ledger.ledger import Ledger, differ, grouped


def every_event_leaves_its_outbox(ledger: Ledger) -> Iterator[str]:
    for domain, rows in ledger.outboxes.items():
        for row in rows:
            if row.sent_at is None:
                name = row.type.rpartition(".")[2]
                yield f"{domain}'s outbox, row {row.id}, {name} of {row.key}: expected it sent, found it waiting"


def every_event_reaches_its_topic(ledger: Ledger) -> Iterator[str]:
    alive = [message for message in ledger.messages if not message.dead]
    copies = grouped(alive, lambda message: message.event_id)
    rows = {row.event_id: row for outbox in ledger.outboxes.values() for row in outbox}
    for event_id, row in rows.items():
        where = f"Kafka, {row.type.rpartition('.')[2]} of {row.key}, event {event_id}"
        if not copies[event_id]:
            yield f"{where}: copies in {row.topic}: expected at least 1, found 0"
        for copy in copies[event_id]:
            same = (copy.topic, copy.key, copy.type, copy.payload) == (
                row.topic,
                row.key,
                row.type,
                row.payload,
            )
            if not same:
                location = f"{copy.topic}/{copy.partition}/{copy.offset}"
                yield f"{where}: its copy at {location}: expected what the outbox has, found {copy.event}"
    for event_id in copies.keys() - rows.keys():
        for copy in copies[event_id]:
            if copy.type != ClaimDecided.TYPE:  # it goes to the log without an outbox
                location = f"{copy.topic}/{copy.partition}/{copy.offset}"
                yield f"Kafka, {copy.event} at {location}: expected it in an outbox, found it in none"


def events_of_a_key_keep_their_order(ledger: Ledger) -> Iterator[str]:
    """By their first copies: a relay that died may repeat events, and consumers recognize the repetition."""
    numbers = {row.event_id: row.id for outbox in ledger.outboxes.values() for row in outbox}
    kept = [message for message in ledger.messages if not message.dead and message.event_id in numbers]
    for (topic, key), messages in grouped(kept, lambda message: (message.topic, message.key)).items():
        where = f"Kafka, {topic}, key {key}"
        partitions = {message.partition for message in messages}
        yield from differ(where, "partitions", expected=1, found=len(partitions))
        in_order = sorted(messages, key=lambda message: (message.partition, message.offset))
        found = [numbers[event_id] for event_id in dict.fromkeys(message.event_id for message in in_order)]
        yield from differ(where, "the order of outbox rows", expected=sorted(found), found=found)


def there_are_no_dead_letters(ledger: Ledger) -> Iterator[str]:
    for message in ledger.messages:
        if message.dead:
            where = f"Kafka, {message.topic}/{message.partition}/{message.offset}"
            yield f"{where}: dead letters: expected none, found {message.type} of {message.key}: {message.reason}"


def points_follow_what_was_paid(ledger: Ledger) -> Iterator[str]:
    """Each payment and each refund counts once, in the points ledger and in the inbox."""
    entries = {entry.order_id: entry for entry in ledger.points}
    refunds = grouped(ledger.happened(OrderRefunded), lambda event: event.order_id)
    noted = Counter(row.event_id for row in ledger.inboxes.get("user", ()) if row.consumer == "points")
    facts: set[str] = set()
    for paid in ledger.happened(OrderPaid):
        refunded = {event.refund_id: event.refunded_cents for event in refunds[paid.order_id]}
        facts |= {f"paid:{paid.order_id}", *(f"refunded:{refund_id}" for refund_id in refunded)}
        where = f"user, points of order {paid.order_id}"
        entry = entries.pop(paid.order_id, None)
        if entry is None:
            yield f"{where}: expected those for {paid.paid_cents} cents, found none"
            continue
        yield from differ(where, "user", expected=paid.buyer, found=str(entry.user_id))
        yield from differ(where, "paid cents", expected=paid.paid_cents, found=entry.paid_cents)
        refunded_cents = sum(refunded.values())
        yield from differ(where, "refunded cents", expected=refunded_cents, found=entry.refunded_cents)
        points = max(0, paid.paid_cents - refunded_cents) // 100
        yield from differ(where, "points", expected=points, found=entry.points)
    for order_id, entry in entries.items():
        yield f"user, points of order {order_id}: expected none, because it was not paid, found {entry.points}"
    for fact in sorted(facts | noted.keys()):
        expected = int(fact in facts)
        yield from differ("user's inbox, points", f"notes of {fact}", expected=expected, found=noted[fact])


def payments_are_noted_once(ledger: Ledger) -> Iterator[str]:
    counted = {order.payment_id for order in ledger.orders if order.payment_id}
    counted |= {refund.payment_id for refund in ledger.refunds}
    noted = Counter(row.event_id for row in ledger.inboxes.get("trade", ()) if row.consumer == "payment")
    for payment_id in sorted(counted | noted.keys()):
        expected = int(payment_id in counted)
        yield from differ(
            "trade's inbox, payments", f"notes of {payment_id}", expected=expected, found=noted[payment_id]
        )


def each_user_is_published_once(ledger: Ledger) -> Iterator[str]:
    published = Counter((event.user_id, event.username) for event in ledger.happened(UserRegistered))
    known = {(user.id, user.username) for user in ledger.users}
    for user in sorted(known | published.keys()):
        where = f"user's outbox, user {user[0]}, {user[1]}"
        yield from differ(where, "UserRegistered events", expected=int(user in known), found=published[user])


CHECKS = (
    every_event_leaves_its_outbox,
    every_event_reaches_its_topic,
    events_of_a_key_keep_their_order,
    there_are_no_dead_letters,
    points_follow_what_was_paid,
    payments_are_noted_once,
    each_user_is_published_once,
)
