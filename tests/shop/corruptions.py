"""Ways to spoil the books of the small shop, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from tests.shop.ledger import Acknowledged, Ledger
from tests.shop.ledger.rows import InboxRow, Message, OutboxRow
from tests.shop.small_shop import small_shop

R = TypeVar("R")
Corrupt = Callable[[Ledger], Ledger]
SHOP: Final = small_shop()


def in_ledger(**values: Any) -> Corrupt:
    """The books have other values."""
    return lambda ledger: replace(ledger, **values)


def changed(rows: tuple[R, ...], where: Mapping[str, object], **values: object) -> tuple[R, ...]:
    """The rows, with `values` in the one that `where` describes."""
    matches = [row for row in rows if all(getattr(row, name) == value for name, value in where.items())]
    assert len(matches) == 1, f"{len(matches)} rows are {where}"
    return tuple(replace(row, **values) if row is matches[0] else row for row in rows)  # type: ignore[type-var]


def in_table(table: str, where: Mapping[str, object], **values: object) -> Corrupt:
    """One row of the table has other values."""
    return lambda ledger: in_ledger(**{table: changed(getattr(ledger, table), where, **values)})(ledger)


def without(table: str, where: Mapping[str, object]) -> Corrupt:
    """One row of the table is lost."""

    def corrupt(ledger: Ledger) -> Ledger:
        rows = getattr(ledger, table)
        left = tuple(row for row in rows if any(getattr(row, name) != value for name, value in where.items()))
        assert len(left) == len(rows) - 1, f"{len(rows) - len(left)} rows are {where}"
        return in_ledger(**{table: left})(ledger)

    return corrupt


def outbox_row(kind: str, key: object, domain: str = "trade") -> OutboxRow:
    """The first row of this kind in the outbox of the domain."""
    return next(row for row in SHOP.outboxes[domain] if row.type.endswith(f".{kind}") and row.key == str(key))


def in_outbox(domain: str, *rows: OutboxRow) -> Corrupt:
    """Rows of the outbox are as given; those with new ids are added."""

    def corrupt(ledger: Ledger) -> Ledger:
        known = {row.id: row for row in ledger.outboxes[domain]} | {row.id: row for row in rows}
        return replace(ledger, outboxes={**ledger.outboxes, domain: tuple(known.values())})

    return corrupt


def doubled(kind: str, key: object, domain: str = "trade") -> Corrupt:
    """The event stands in the outbox, and in its topic, a second time with an id of its own."""
    second = replace(outbox_row(kind, key, domain), id=1000, event_id="second")
    message = Message(
        topic=second.topic,
        partition=0,
        offset=1000,
        event_id=second.event_id,
        type=second.type,
        key=second.key,
        payload=second.payload,
    )

    def corrupt(ledger: Ledger) -> Ledger:
        ledger = in_outbox(domain, second)(ledger)
        return replace(ledger, messages=(*ledger.messages, message))

    return corrupt


def never_told(domain: str, kind: str, key: object) -> Corrupt:
    """The event is neither in the outbox nor in Kafka."""
    lost = outbox_row(kind, key, domain)

    def corrupt(ledger: Ledger) -> Ledger:
        rows = tuple(row for row in ledger.outboxes[domain] if row.id != lost.id)
        messages = tuple(message for message in ledger.messages if message.event_id != lost.event_id)
        return replace(ledger, outboxes={**ledger.outboxes, domain: rows}, messages=messages)

    return corrupt


def message_of(kind: str, key: object, domain: str = "trade") -> Message:
    """The message that carries this event."""
    event_id = outbox_row(kind, key, domain).event_id
    return next(message for message in SHOP.messages if message.event_id == event_id)


def more(table: str, *rows: object) -> Corrupt:
    """The table has rows that it should not have."""
    return lambda ledger: in_ledger(**{table: (*getattr(ledger, table), *rows)})(ledger)


def inbox(domain: str, *rows: InboxRow, lost: str = "") -> Corrupt:
    """The inbox has more rows, and the one of the event `lost` is not there."""

    def corrupt(ledger: Ledger) -> Ledger:
        kept = tuple(row for row in ledger.inboxes[domain] if row.event_id != lost)
        return replace(ledger, inboxes={**ledger.inboxes, domain: (*kept, *rows)})

    return corrupt


def acknowledged(**what: Any) -> Corrupt:
    """Clients were told something else."""
    return in_ledger(acknowledged=Acknowledged(**what))
