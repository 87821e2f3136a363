"""Integration events: outgoing ones for an outbox, incoming ones from a topic.

The payload is opaque bytes; a domain's adapter encodes and decodes it. The attributes are those of
CloudEvents 1.0 (https://cloudevents.io), sent as headers in Kafka's binary mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingEvent:
    """An event to be sent.

    `type` is the full proto name of the message in `payload`. `key` is the aggregate's id; events of one key
    keep their order. `source` names the service. `headers` are sent unchanged, for example `traceparent`.
    """

    type: str
    topic: str
    key: str
    payload: bytes
    source: str
    id: str = field(default_factory=lambda: str(uuid4()))
    occurred_at: datetime = field(default_factory=_now)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingEvent:
    """A received event and its position. Delivery is at least once; a repetition has the same `id`."""

    id: str
    type: str
    source: str
    key: str
    payload: bytes
    occurred_at: datetime
    headers: Mapping[str, str]
    topic: str
    partition: int
    offset: int
