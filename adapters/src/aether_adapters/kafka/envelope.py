"""Encodes events as Kafka messages: CloudEvents 1.0 in binary mode.

The payload is the message's value, the attributes are headers with the prefix `ce_`; other headers, such as
`traceparent`, are kept.
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import Message

from aether_adapters.kernel.events import IncomingEvent, OutgoingEvent

Headers = list[tuple[str, str | bytes | None]]

_SPEC_VERSION: Final = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final = ("content-type", b"application/protobuf")
_REQUIRED_HEADERS: Final = ("ce_id", "ce_type", "ce_source", "ce_time")


class NotAnEvent(ValueError):
    """The message is not a valid CloudEvent."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message as received."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def received(message: Message) -> Record:
    """Convert a polled message to a record."""
    topic, partition, offset, headers = (
        message.topic(),
        message.partition(),
        message.offset(),
        message.headers(),
    )
    if topic is None or partition is None or offset is None:
        raise ValueError("This message was never in a topic.")
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    return Record(topic, partition, offset, message.key(), message.value(), list(pairs))


def to_headers(event: OutgoingEvent) -> Headers:
    """Return the message headers for `event`."""
    return headers_of(event.id, event.type, event.source, event.occurred_at, event.headers)


def headers_of(
    event_id: str, type_: str, source: str, occurred_at: datetime, more: Mapping[str, str]
) -> Headers:
    """Return the message headers for an event with these attributes."""
    if occurred_at.tzinfo is not UTC:
        occurred_at = occurred_at.astimezone(UTC)
    return [
        _SPEC_VERSION,
        ("ce_id", event_id),
        ("ce_type", type_),
        ("ce_source", source),
        ("ce_time", occurred_at.isoformat()),
        _CONTENT_TYPE,
        *more.items(),
    ]


def from_record(record: Record) -> IncomingEvent:
    """Return the event in a message; raises `NotAnEvent` with what is wrong."""
    headers = _texts(record)
    missing = [name for name in _REQUIRED_HEADERS if not headers.get(name)]
    if missing:
        raise NotAnEvent(f"The message has no {', '.join(missing)} among its headers.")
    if headers.get("ce_specversion", "").split(".")[0] != "1":
        raise NotAnEvent(f"CloudEvents version {headers.get('ce_specversion')!r} is not 1.x.")
    key, payload = record.key, record.value
    if payload is None:
        raise NotAnEvent("The message has no value; tombstones are not supported.")
    try:
        occurred_at = datetime.fromisoformat(headers["ce_time"])
        if occurred_at.tzinfo is None:
            raise ValueError("it has no offset from UTC")
        text_key = key.decode() if key is not None else ""
    except ValueError as error:
        raise NotAnEvent(f"ce_time or the key cannot be read: {error}") from error
    return IncomingEvent(
        id=headers["ce_id"],
        type=headers["ce_type"],
        source=headers["ce_source"],
        key=text_key,
        payload=payload,
        occurred_at=occurred_at.astimezone(UTC),
        headers={
            name: value
            for name, value in headers.items()
            if not name.startswith("ce_") and name != "content-type"
        },
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )


def _texts(record: Record) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in record.headers:
        if value is None:
            continue
        try:
            texts[name] = value if isinstance(value, str) else value.decode()
        except UnicodeDecodeError as error:
            raise NotAnEvent(f"The header {name} is not UTF-8.") from error
    return texts
