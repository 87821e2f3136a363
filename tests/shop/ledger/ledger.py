"""The records of the shop at one moment, and helpers of the checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from tests.shop.ledger.rows import (
    Acknowledged,
    Activity,
    ClaimAuthority,
    ClaimCounter,
    Coupon,
    Event,
    IdempotencyKey,
    InboxRow,
    Line,
    Message,
    Order,
    OrderPoints,
    OutboxRow,
    Payment,
    Refund,
    Reservation,
    SentBack,
    StockCounter,
    Template,
    User,
)

K = TypeVar("K")
R = TypeVar("R")
E = TypeVar("E", bound=Event)

PAID: Final = frozenset({"paid", "finished", "partly refunded", "refunded"})
"""The states of an order that has been paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything that the shop held at `taken_at`. `outboxes` and `inboxes` are by domain."""

    taken_at: datetime
    orders: tuple[Order, ...] = ()
    lines: tuple[Line, ...] = ()
    refunds: tuple[Refund, ...] = ()
    keys: tuple[IdempotencyKey, ...] = ()
    activities: tuple[Activity, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    templates: tuple[Template, ...] = ()
    claim_authorities: tuple[ClaimAuthority, ...] = ()
    coupons: tuple[Coupon, ...] = ()
    users: tuple[User, ...] = ()
    points: tuple[OrderPoints, ...] = ()
    outboxes: Mapping[str, tuple[OutboxRow, ...]] = field(default_factory=dict)
    inboxes: Mapping[str, tuple[InboxRow, ...]] = field(default_factory=dict)
    stock: tuple[StockCounter, ...] = ()
    claims: tuple[ClaimCounter, ...] = ()
    messages: tuple[Message, ...] = ()
    payments: tuple[Payment, ...] = ()
    sent_back: tuple[SentBack, ...] = ()
    acknowledged: Acknowledged = field(default_factory=Acknowledged)

    def happened(self, kind: type[E]) -> tuple[E, ...]:
        """Return the events of one type in the outboxes, ordered by id."""
        rows = (row for outbox in self.outboxes.values() for row in outbox)
        return tuple(event for row in rows if isinstance(event := row.event, kind))


def grouped(rows: Iterable[R], key: Callable[[R], K]) -> Mapping[K, tuple[R, ...]]:
    """Group the rows by key; a missing key gives an empty tuple."""
    lists: defaultdict[K, list[R]] = defaultdict(list)
    for row in rows:
        lists[key(row)].append(row)
    return defaultdict(tuple, {name: tuple(found) for name, found in lists.items()})


def differ(where: str, what: str, *, expected: object, found: object) -> Iterator[str]:
    """Yield a sentence if the two differ."""
    if expected != found:
        yield f"{where}: {what}: expected {expected}, found {found}"
