"""Encodes events as Kafka messages: CloudEvents 1.0 in binary mode.

The payload is the message's value, the attributes are headers with the prefix `ce_`; other headers, such as
`traceparent`, are kept if they are text and passed over otherwise: other systems send what they like.
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import methodcaller
from typing import Final

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from aether_adapters.kernel.events import IncomingEvent, OutgoingEvent

Headers = list[tuple[str, str | bytes | None]]

_SPEC_VERSION: Final = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final = ("content-type", b"application/protobuf")
_REQUIRED_HEADERS: Final = ("ce_id", "ce_type", "ce_source")
_ATTRIBUTES: Final = frozenset({*_REQUIRED_HEADERS, "ce_specversion", "ce_time"})
_MILLISECONDS: Final = 1000


# For a name that is not UTF-8 the client returns a list with holes besides an error. Python notices that in a call through
# `methodcaller`; a plain call, once the interpreter has specialized it, uses the list, and the process dies of it.
_headers_of: Final = methodcaller("headers")


class NotAnEvent(ValueError):
    """The message is not a valid CloudEvent."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message as received. `sent_at` is Kafka's own time of it; `fault` says what keeps it from being read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    sent_at: datetime | None = None
    fault: str = ""


def received(message: Message) -> Record:
    """Convert a polled message to a record."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise ValueError("This message was never in a topic.")
    pairs: Headers = []
    fault = ""
    try:
        headers = _headers_of(message)
        pairs = list(headers.items() if isinstance(headers, dict) else headers or ())
    except (SystemError, UnicodeDecodeError):
        fault = "The name of a header is not UTF-8."
    return Record(topic, partition, offset, message.key(), message.value(), pairs, _sent_at(message), fault)


def _sent_at(message: Message) -> datetime | None:
    kind, milliseconds = message.timestamp()
    if kind == TIMESTAMP_NOT_AVAILABLE:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / _MILLISECONDS, UTC)
    except (OverflowError, ValueError, OSError):  # its producer chose it
        return None


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
    """Return the event in a message; raises `NotAnEvent` with what is wrong.

    An event without `ce_time`, which CloudEvents leaves optional, occurred when its message was sent.
    """
    if record.fault:
        raise NotAnEvent(record.fault)
    headers = _texts(record)
    missing = [name for name in _REQUIRED_HEADERS if not headers.get(name)]
    if missing:
        raise NotAnEvent(f"The message has no {', '.join(missing)} among its headers.")
    if headers.get("ce_specversion", "").split(".")[0] != "1":
        raise NotAnEvent(f"CloudEvents version {headers.get('ce_specversion')!r} is not 1.x.")
    payload = record.value
    if payload is None:
        raise NotAnEvent("The message has no value; tombstones are not supported.")
    return IncomingEvent(
        id=headers["ce_id"],
        type=headers["ce_type"],
        source=headers["ce_source"],
        key=(record.key or b"").decode(errors="backslashreplace"),
        payload=payload,
        occurred_at=_occurred_at(headers.get("ce_time"), record.sent_at),
        headers={
            name: value
            for name, value in headers.items()
            if not name.startswith("ce_") and name != "content-type"
        },
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )


def _occurred_at(stated: str | None, sent_at: datetime | None) -> datetime:
    if not stated:
        return sent_at or datetime.now(UTC)
    try:
        # RFC 3339 allows lower case.
        occurred_at = datetime.fromisoformat(stated.upper())
        if occurred_at.tzinfo is None:
            raise ValueError("it has no offset from UTC")
        return occurred_at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotAnEvent(f"ce_time cannot be read: {error}") from error


def _texts(record: Record) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in record.headers:
        if value is None:
            continue
        try:
            texts[name] = value if isinstance(value, str) else value.decode()
        except UnicodeDecodeError as error:
            if name in _ATTRIBUTES:
                raise NotAnEvent(f"The header {name} is not UTF-8.") from error
    return texts
