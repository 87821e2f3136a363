"""Domain events. `adapters/events.py` maps them to integration events."""

from dataclasses import dataclass
from datetime import datetime

from aether_trade.domain.line import Line
from aether_trade.domain.values import CloseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced:
    order_id: int
    buyer: str
    lines: tuple[Line, ...]
    payable_cents: int
    deadline: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid:
    """`payment_id` is empty if the order was free."""

    order_id: int
    buyer: str
    paid_cents: int
    payment_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderClosed:
    order_id: int
    buyer: str
    reason: CloseReason
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefunded:
    """`refunded_cents` is the amount of this refund; `whole` means that every piece of the order is now refunded."""

    order_id: int
    refund_id: int
    buyer: str
    refunded_cents: int
    whole: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFinished:
    order_id: int
    buyer: str
    occurred_at: datetime


OrderEvent = OrderPlaced | OrderPaid | OrderClosed | OrderRefunded | OrderFinished
