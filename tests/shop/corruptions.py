"""Single corruptions of the small shop's ledger."""

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
    """Replace values of the ledger."""
    return lambda ledger: replace(ledger, **values)


def changed(rows: tuple[R, ...], where: Mapping[str, object], **values: object) -> tuple[R, ...]:
    """Return the rows, with `values` in the one that matches `where`."""
    matches = [row for row in rows if all(getattr(row, name) == value for name, value in where.items())]
    assert len(matches) == 1, f"{len(matches)} rows are {where}"
    return tuple(replace(row, **values) if row is matches[0] else row for row in rows)  # type: ignore[type-var]


def in_table(table: str, where: Mapping[str, object], **values: object) -> Corrupt:
    """Replace values in one row of the table."""
    return lambda ledger: in_ledger(**{table: changed(getattr(ledger, table), where, **values)})(ledger)


def without(table: str, where: Mapping[str, object]) -> Corrupt:
    """Remove one row of the table."""

    def corrupt(ledger: Ledger) -> Ledger:
        rows = getattr(ledger, table)
        left = tuple(row for row in rows if any(getattr(row, name) != value for name, value in where.items()))
        assert len(left) == len(rows) - 1, f"{len(rows) - len(left)} rows are {where}"
        return in_ledger(**{table: left})(ledger)

    return corrupt


def outbox_row(kind: str, key: object, domain: str = "trade") -> OutboxRow:
    """Return the first row of this kind in the domain's outbox."""
    return next(row for row in SHOP.outboxes[domain] if row.type.endswith(f".{kind}") and row.key == str(key))


def in_outbox(domain: str, *rows: OutboxRow) -> Corrupt:
    """Replace rows of the outbox by id; rows with new ids are added."""

    def corrupt(ledger: Ledger) -> Ledger:
        known = {row.id: row for row in ledger.outboxes[domain]} | {row.id: row for row in rows}
        return replace(ledger, outboxes={**ledger.outboxes, domain: tuple(known.values())})

    return corrupt


def doubled(kind: str, key: object, domain: str = "trade") -> Corrupt:
    """Add the event to the outbox and its topic a second time, with another id."""
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


def never_published(domain: str, kind: str, key: object) -> Corrupt:
    """Remove the event from the outbox and from Kafka."""
    lost = outbox_row(kind, key, domain)

    def corrupt(ledger: Ledger) -> Ledger:
        rows = tuple(row for row in ledger.outboxes[domain] if row.id != lost.id)
        messages = tuple(message for message in ledger.messages if message.event_id != lost.event_id)
        return replace(ledger, outboxes={**ledger.outboxes, domain: rows}, messages=messages)

    return corrupt


def message_of(kind: str, key: object, domain: str = "trade") -> Message:
    """Return the message of this event."""
    event_id = outbox_row(kind, key, domain).event_id
    return next(message for message in SHOP.messages if message.event_id == event_id)


def more(table: str, *rows: object) -> Corrupt:
    """Add rows to the table."""
    return lambda ledger: in_ledger(**{table: (*getattr(ledger, table), *rows)})(ledger)


def inbox(domain: str, *rows: InboxRow, lost: str = "") -> Corrupt:
    """Add rows to the inbox, and remove the one of the event `lost`."""

    def corrupt(ledger: Ledger) -> Ledger:
        kept = tuple(row for row in ledger.inboxes[domain] if row.event_id != lost)
        return replace(ledger, inboxes={**ledger.inboxes, domain: (*kept, *rows)})

    return corrupt


def acknowledged(**what: Any) -> Corrupt:
    """Replace what clients were told."""
    return in_ledger(acknowledged=Acknowledged(**what))
