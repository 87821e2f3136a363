"""Integration events as the kits carry them: what leaves through an outbox, and what comes in from a topic.

The payload is opaque here: a domain's own adapter turns it into words of the contract. The attributes are
those of CloudEvents 1.0 (https://cloudevents.io), which travel as headers in Kafka's binary mode.
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
    """An event on its way out.

    `type` is the full proto name of the message in `payload`; `key` is the aggregate's id, and events of one
    key keep their order; `source` names the service; `headers` go along as they are (`traceparent`, for one).
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
    """An event as it came in, and where from. Delivered at least once: `id` tells a repetition."""

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
