"""The order, from placing to payment, refund and end. Its states and transitions:

    pending payment --pay--> paid --finish--> finished
          |                   |
          | cancel, overdue   | refund some           refund the rest
          v                   +-------------> partly refunded ----> refunded
        closed                +------------------- refund all ----> refunded

Only a pending order can be paid or closed. A free order is paid when it is placed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from aether_trade.domain.errors import (
    AmountMismatch,
    LineNotFound,
    OrderHasChanged,
    OrderNotPaid,
    OrderNotPending,
    OrderOverdue,
)
from aether_trade.domain.events import (
    OrderClosed,
    OrderEvent,
    OrderFinished,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
)
from aether_trade.domain.line import Line
from aether_trade.domain.values import CloseReason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order. It is immutable: each change returns a new one, which carries its events.

    `buyer` is the subject of the caller who placed it. `payment_id` is the provider's id of the payment.
    `version` is 0 until the order is stored, and rises by one with each save. `events` are not stored yet: empty on
    load, and not part of equality.
    """

    id: int
    buyer: str
    lines: tuple[Line, ...]
    coupon_ids: tuple[int, ...] = ()
    placed_at: datetime
    deadline: datetime
    status: Status = Status.PENDING_PAYMENT
    payment_id: str | None = None
    paid_at: datetime | None = None
    closed_at: datetime | None = None
    close_reason: CloseReason | None = None
    finished_at: datetime | None = None
    version: int = 0
    events: tuple[OrderEvent, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def place(
        cls,
        order_id: int,
        *,
        buyer: str,
        lines: tuple[Line, ...],
        coupon_ids: tuple[int, ...],
        deadline: datetime,
        now: datetime,
    ) -> Self:
        """Return a new order, which is pending payment, or paid if it is free."""
        order = cls(
            id=order_id, buyer=buyer, lines=lines, coupon_ids=coupon_ids, placed_at=now, deadline=deadline
        )
        placed = OrderPlaced(
            order_id=order_id,
            buyer=buyer,
            lines=lines,
            payable_cents=order.payable_cents,
            deadline=deadline,
            occurred_at=now,
        )
        order = replace(order, events=(placed,))
        return order if order.payable_cents else order.pay(payment_id="", amount_cents=0, now=now)

    @property
    def total_cents(self) -> int:
        """Before discounts."""
        return sum(line.total_cents for line in self.lines)

    @property
    def discount_cents(self) -> int:
        return sum(line.discount_cents for line in self.lines)

    @property
    def payable_cents(self) -> int:
        return sum(line.payable_cents for line in self.lines)

    @property
    def refunded_cents(self) -> int:
        return sum(line.refunded_cents for line in self.lines)

    def to_be_paid(self, now: datetime) -> None:
        """Raise `OrderNotPending` or `OrderOverdue` if a payment must not be started."""
        self._check_pending()
        if now >= self.deadline:
            raise OrderOverdue(self.id, self.deadline)

    def pay(self, *, payment_id: str, amount_cents: int, now: datetime) -> Self:
        """Return the paid order. Raises `OrderNotPending`, `AmountMismatch`.

        A payment after the deadline counts as long as the order is not closed.
        """
        self._check_pending()
        if amount_cents != self.payable_cents:
            raise AmountMismatch(self.id, self.payable_cents, amount_cents)
        paid = OrderPaid(
            order_id=self.id,
            buyer=self.buyer,
            paid_cents=amount_cents,
            payment_id=payment_id,
            occurred_at=now,
        )
        return replace(
            self, status=Status.PAID, payment_id=payment_id, paid_at=now, events=(*self.events, paid)
        )

    def cancel(self, *, version: int, now: datetime) -> Self:
        """Return the cancelled order. Raises `OrderNotPending`, or `OrderHasChanged` if `version` is not current."""
        self._check_version(version)
        return self._close(CloseReason.CANCELLED, now)

    def expire(self, now: datetime) -> Self:
        """Return the order, closed as overdue. Raises `OrderNotPending`, or `ValueError` before the deadline."""
        if now < self.deadline:
            raise ValueError(f"order {self.id} may be paid until {self.deadline}")
        return self._close(CloseReason.OVERDUE, now)

    def finish(self, *, version: int, now: datetime) -> Self:
        """Return the finished order. Raises `OrderNotPaid`, or `OrderHasChanged` if `version` is not current."""
        self._check_version(version)
        if self.status is not Status.PAID:
            raise OrderNotPaid(self.id, self.status.value)
        finished = OrderFinished(order_id=self.id, buyer=self.buyer, occurred_at=now)
        return replace(self, status=Status.FINISHED, finished_at=now, events=(*self.events, finished))

    def refund(
        self, refund_id: int, *, version: int, quantities: Mapping[int, int] | None, now: datetime
    ) -> Self:
        """Return the order after a refund. `quantities` are pieces by line number; None refunds all that is left.

        Raises `OrderHasChanged`, `OrderNotPaid`, `LineNotFound`, `RefundTooLarge`.
        """
        self._check_version(version)
        if self.status not in (Status.PAID, Status.PARTLY_REFUNDED):
            raise OrderNotPaid(self.id, self.status.value)
        if quantities is None:
            quantities = {line.number: line.left for line in self.lines if line.left}
        for number in quantities.keys() - {line.number for line in self.lines}:
            raise LineNotFound(self.id, number)
        lines = tuple(
            line.refund(quantities[line.number]) if line.number in quantities else line for line in self.lines
        )
        whole = not any(line.left for line in lines)
        after = replace(self, lines=lines, status=Status.REFUNDED if whole else Status.PARTLY_REFUNDED)
        refunded = OrderRefunded(
            order_id=self.id,
            refund_id=refund_id,
            buyer=self.buyer,
            refunded_cents=after.refunded_cents - self.refunded_cents,
            whole=whole,
            occurred_at=now,
        )
        return replace(after, events=(*self.events, refunded))

    def as_placed(self) -> Self:
        """Return the order as it was when placed: the answer to a repeated request."""
        free = not self.payable_cents
        return replace(
            self,
            lines=tuple(replace(line, refunded_quantity=0) for line in self.lines),
            status=Status.PAID if free else Status.PENDING_PAYMENT,
            payment_id="" if free else None,
            paid_at=self.placed_at if free else None,
            closed_at=None,
            close_reason=None,
            finished_at=None,
            version=1,
        )

    def stored(self) -> Self:
        """Return the order as stored: one version later, without its events."""
        return replace(self, version=self.version + 1, events=())

    def _close(self, reason: CloseReason, now: datetime) -> Self:
        self._check_pending()
        closed = OrderClosed(order_id=self.id, buyer=self.buyer, reason=reason, occurred_at=now)
        return replace(
            self, status=Status.CLOSED, closed_at=now, close_reason=reason, events=(*self.events, closed)
        )

    def _check_pending(self) -> None:
        if self.status is not Status.PENDING_PAYMENT:
            raise OrderNotPending(self.id, self.status.value)

    def _check_version(self, version: int) -> None:
        if version != self.version:
            raise OrderHasChanged(self.id, version)
