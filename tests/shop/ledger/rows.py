"""The shop's records as plain rows: of three databases, Redis, Kafka, and the payment provider.

A row has the columns that a check needs. Money is in cents, times are UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from aether_adapters.kafka.dead_letters import SUFFIX
from aether_adapters.kernel.events import IncomingEvent

from aether.promotion.v1 import events as promotion
from aether.trade.v1 import events as trade
from aether.user.v1 import events as user

Event = trade.Event | promotion.Event | user.Event

_CONTRACTS: Final[Mapping[str, Callable[[str, bytes], Event]]] = {
    trade.TOPIC: trade.from_bytes,
    promotion.TOPIC: promotion.from_bytes,
    user.TOPIC: user.from_bytes,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    id: int
    buyer: str
    status: str
    payable_cents: int
    refunded_cents: int
    coupon_ids: tuple[int, ...] = ()
    deadline: datetime
    payment_id: str | None = None
    close_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    order_id: int
    number: int
    course_id: int
    quantity: int
    price_cents: int
    discount_cents: int
    activity_id: int | None = None
    refunded_quantity: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    id: int
    order_id: int
    payment_id: str
    cents: int
    sent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    scope: str
    key: str
    result: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    id: int
    quantity: int
    held: int
    sold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    order_id: int
    activity_id: int
    buyer: str
    quantity: int
    expires_at: datetime
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    id: int
    quota: int
    limit_per_user: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAuthority:
    template_id: int
    quota: int
    claimed: int
    generation: int
    decides: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    id: int
    template_id: int
    owner: str
    claim_key: str
    status: str
    order_id: int | None = None
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: int
    username: str
    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPoints:
    order_id: int
    user_id: int
    paid_cents: int
    refunded_cents: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """An event in a domain's outbox; for each key, `id` rises in the sequence of events."""

    id: int
    event_id: str
    type: str
    topic: str
    key: str
    payload: bytes
    sent_at: datetime | None

    @property
    def event(self) -> Event:
        return decoded(self.type, self.payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    consumer: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCounter:
    """Redis' data of a flash sale: the seats that are left, and how many each order holds."""

    activity_id: int
    left: int
    holds: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCounter:
    """Redis' data of a template's claims: how many are left, each owner's coupons, and those not yet persisted."""

    template_id: int
    generation: int
    left: int
    coupons: Mapping[str, frozenset[int]]
    waiting: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a topic; `reason` is that of a dead letter."""

    topic: str
    partition: int
    offset: int
    event_id: str
    type: str
    key: str
    payload: bytes
    reason: str = ""

    @classmethod
    def of(cls, event: IncomingEvent) -> Message:
        return cls(
            topic=event.topic,
            partition=event.partition,
            offset=event.offset,
            event_id=event.id,
            type=event.type,
            key=event.key,
            payload=event.payload,
            reason=event.headers.get("dead_reason", ""),
        )

    @property
    def dead(self) -> bool:
        return self.topic.endswith(SUFFIX)

    @property
    def event(self) -> Event:
        return decoded(self.type, self.payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """The provider's record of a payment: `amount_cents` were received if it is `paid`."""

    payment_id: str
    order_id: int
    amount_cents: int
    paid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBack:
    """The provider's record of a refund."""

    refund_id: int
    payment_id: str
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """What clients were told and may rely on, whatever crashed afterwards; empty if nobody recorded it."""

    placed: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """The order that was returned for a buyer's idempotency key."""
    ended: Mapping[int, str] = field(default_factory=dict)
    """The last status that was returned for an order, if nothing could change it afterwards."""
    claimed: Mapping[int, str] = field(default_factory=dict)
    """The owner of each confirmed coupon."""
    names: Mapping[int, str] = field(default_factory=dict)
    """The last confirmed display name of each user."""


@lru_cache(maxsize=100_000)
def decoded(type_name: str, payload: bytes) -> Event:
    """Return the event in a payload. Raises `Malformed`, or `KeyError` for a type that no contract has."""
    return _CONTRACTS[type_name.rpartition(".")[0]](type_name, payload)
