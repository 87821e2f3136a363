"""The order: from placing to payment, refund and end. Its states and what leads from one to another:

    pending payment --pay--> paid --finish--> finished
          |                   |
          | cancel, overdue   | refund some           refund the rest
          v                   +-------------> partly refunded ----> refunded
        closed                +------------------- refund all ----> refunded

Only a pending order is paid or closed, and only once. What costs nothing is paid when it is placed.
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
    """An order. It never changes: each change returns a new one, which carries what happened.

    `buyer` is the subject of the caller who placed it. `payment_id` is the provider's name for what paid it.
    `version` counts what was stored, from 1; a new one has version 0. `events` are those not stored yet: empty on
    load, and no part of equality.
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
        """A new one, which waits for its payment."""
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
        """Raises `OrderNotPending` or `OrderOverdue` where no payment should be begun."""
        self._pending()
        if now >= self.deadline:
            raise OrderOverdue(self.id, self.deadline)

    def pay(self, *, payment_id: str, amount_cents: int, now: datetime) -> Self:
        """The same, paid; raises `OrderNotPending`, `AmountMismatch`.

        Money that came in after the deadline counts as long as the order is not closed.
        """
        self._pending()
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
        """The same, given up by someone who has seen `version`; raises `OrderHasChanged`, `OrderNotPending`."""
        self._seen(version)
        return self._close(CloseReason.CANCELLED, now)

    def expire(self, now: datetime) -> Self:
        """The same, closed because its deadline has passed; raises `OrderNotPending`, `ValueError` before that."""
        if now < self.deadline:
            raise ValueError(f"order {self.id} may be paid until {self.deadline}")
        return self._close(CloseReason.OVERDUE, now)

    def finish(self, *, version: int, now: datetime) -> Self:
        """The same, done, for someone who has seen `version`; raises `OrderHasChanged`, `OrderNotPaid`."""
        self._seen(version)
        if self.status is not Status.PAID:
            raise OrderNotPaid(self.id, self.status.value)
        finished = OrderFinished(order_id=self.id, buyer=self.buyer, occurred_at=now)
        return replace(self, status=Status.FINISHED, finished_at=now, events=(*self.events, finished))

    def refund(
        self, refund_id: int, *, version: int, quantities: Mapping[int, int] | None, now: datetime
    ) -> Self:
        """The same, with so many pieces of the lines of these numbers refunded; None stands for all that is left.

        Raises `OrderHasChanged`, `OrderNotPaid`, `LineNotFound`, `RefundTooLarge`.
        """
        self._seen(version)
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
        """The order as it was when it was placed: what a repeated request is answered."""
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
        """The same as the store keeps it: one version on, its events handed over."""
        return replace(self, version=self.version + 1, events=())

    def _close(self, reason: CloseReason, now: datetime) -> Self:
        self._pending()
        closed = OrderClosed(order_id=self.id, buyer=self.buyer, reason=reason, occurred_at=now)
        return replace(
            self, status=Status.CLOSED, closed_at=now, close_reason=reason, events=(*self.events, closed)
        )

    def _pending(self) -> None:
        if self.status is not Status.PENDING_PAYMENT:
            raise OrderNotPending(self.id, self.status.value)

    def _seen(self, version: int) -> None:
        if version != self.version:
            raise OrderHasChanged(self.id, version)
