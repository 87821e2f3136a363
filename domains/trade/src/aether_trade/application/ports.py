"""Driven ports: what the use cases need, named for its role. `adapters/` implements them.

Every implementation passes the same contract suites: `tests/test_ports.py` and those beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from aether_trade.domain.basket import Item
from aether_trade.domain.course import Course
from aether_trade.domain.notice import Notice
from aether_trade.domain.order import Order
from aether_trade.domain.quote import Quote
from aether_trade.domain.refund import Refund
from aether_trade.domain.values import Status

T = TypeVar("T")


class Courses(Protocol):
    """The catalogue."""

    def add(self, course: Course, /) -> Course:
        """Store a new course. Return it as stored. Raises `CourseHasChanged` if its id is already stored."""
        ...

    def get(self, course_id: int, /) -> Course:
        """Return the course with this id. Raises `CourseNotFound`."""
        ...

    def save(self, course: Course, /) -> Course:
        """Store a change. Raises `CourseHasChanged` if the stored version is not the one it was loaded with."""
        ...

    def page(self, *, on_sale_only: bool, before: int | None, limit: int) -> tuple[Course, ...]:
        """Return up to `limit` courses with an id below `before`, newest first."""
        ...


class Orders(Protocol):
    """All orders. A buyer cannot see another buyer's."""

    def add(self, order: Order, /) -> Order:
        """Store a new order and its events. Return it as stored.

        Raises `OrderHasChanged` if its id is already stored.
        """
        ...

    def get(self, order_id: int, /, *, buyer: str | None) -> Order:
        """Return the order with this id. Raises `OrderNotFound`, also if it is not `buyer`'s; None allows every buyer."""
        ...

    def save(self, order: Order, /) -> Order:
        """Store a change and its events. Return the order as stored.

        Raises `OrderHasChanged` if the stored version is not the one it was loaded with: of two changes to one
        version, only the first is stored.
        """
        ...

    def page(
        self,
        *,
        buyer: str | None,
        status: Status | None,
        before: int | None,
        limit: int,
    ) -> tuple[Order, ...]:
        """Return up to `limit` orders with an id below `before`, newest first. None: of every buyer, in every state."""
        ...

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[int, ...]:
        """Return the ids of up to `limit` unpaid orders whose deadline has passed, earliest deadline first."""
        ...


class Refunds(Protocol):
    """Money that the shop owes its buyers."""

    def add(self, refund: Refund, /) -> None:
        """Store a new refund."""
        ...

    def save(self, refund: Refund, /) -> None:
        """Store the result of an attempt to send it."""
        ...

    def known(self, payment_id: str, /) -> bool:
        """Return whether any refund of this payment exists, sent or not."""
        ...

    def owed(self, *, limit: int) -> tuple[Refund, ...]:
        """Return up to `limit` unsent refunds, least-attempted first, then oldest."""
        ...


class KnownKey(Protocol):
    """A stored idempotency key. `result` is the order's id, or None while the order is being placed."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def result(self) -> str | None: ...
    @property
    def lapsed(self) -> bool:
        """Whether the claim has expired, so that another claimant may take the key."""
        ...


class Keys(Protocol):
    """The idempotency keys of each buyer: a request sent twice places one order."""

    def claim(self, scope: str, key: str, fingerprint: str, claimant: str, seconds: float) -> bool:
        """Claim a key that is new, or whose claim has expired, for `seconds`. Return False if it is taken."""
        ...

    def find(self, scope: str, key: str) -> KnownKey | None:
        """Return a stored key, or None."""
        ...

    def finish(self, scope: str, key: str, claimant: str, result: str) -> bool:
        """Store the result. Return False if the claim is no longer this claimant's: the caller must roll back."""
        ...

    def abandon(self, scope: str, key: str, claimant: str) -> None:
        """Release a claimed key. No effect if it is finished or claimed by somebody else."""
        ...

    def prune(self, older_than: timedelta) -> int:
        """Delete keys first seen longer ago than that. Return how many."""
        ...


class Inbox(Protocol):
    """The messages that were handled: one delivered twice is handled once."""

    def first_time(self, consumer: str, event_id: str, /) -> bool:
        """Record the message. Return False if this consumer has already recorded it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfWork:
    """The repositories of one transaction."""

    courses: Courses
    orders: Orders
    refunds: Refunds
    keys: Keys
    inbox: Inbox


class Transactions(Protocol):
    """Runs units of work: commits if the work returns, rolls back if it raises."""

    def run(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Run the work and commit. It may be run more than once, so it must have no effect outside the database."""
        ...

    def read(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Run work that only reads, without blocking writers."""
        ...


class Refused(Exception):
    """The rules of another service refused a step, so nothing is held. Subclasses carry that service's error."""


class Promotions(Protocol):
    """Coupons and flash sales, kept by another service.

    An error of its rules is raised unchanged, as a `Refused`. Every method but `quote` is idempotent.
    """

    def quote(self, buyer: str, items: Sequence[tuple[Item, int]], coupon_ids: Sequence[int], /) -> Quote:
        """Return the price of the items; each comes with its catalogue price in cents for one piece."""
        ...

    def reserve(self, order_id: int, buyer: str, item: Item, /, *, until: datetime) -> None:
        """Reserve the item's flash sale stock for the order. It may be released after `until` unless the order is paid."""
        ...

    def lock_coupons(
        self, order_id: int, buyer: str, coupon_ids: Sequence[int], /, *, until: datetime
    ) -> None:
        """Lock the coupons for the order. They may be unlocked after `until` unless the order is paid."""
        ...

    def release(self, order_id: int, /) -> None:
        """Release everything held for an order that was not placed. Best effort: it never raises.

        The other service releases the rest itself: once `until` has passed, it asks for the order's state.
        """
        ...


class Refusals(Protocol):
    """What `Promotions` refused to other buyers a moment ago."""

    def refusal(self, items: Sequence[Item], /) -> Refused | None:
        """Return the refusal that these items would get now, or None if that must be asked.

        Asks nobody. A refusal may have ended up to a second ago; None promises nothing.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPayment:
    """A payment that the buyer can make at `url`."""

    payment_id: str
    url: str


class Payments(Protocol):
    """The payment provider. Requests to it are idempotent."""

    def open(self, order_id: int, cents: int, /) -> OpenPayment:
        """Open the payment of an order, or return the open one. Raises `Unavailable` if the provider does not answer."""
        ...

    def refund(self, refund: Refund, /) -> bool:
        """Ask the provider to send the money back. Return False if it did not accept: try again later."""
        ...

    def read(self, payload: bytes, signature: str, /) -> Notice:
        """Verify and read a notice. Raises `SignatureForged`, or `NoticeNotReadable` if the signature is valid."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time in UTC, to the microsecond. It may stand still or go back."""
        ...


class Stopwatch(Protocol):
    """Measures and waits. Unlike the Clock, it never goes back."""

    def seconds(self) -> float:
        """Return the seconds since some moment in the past."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Block the calling thread for so many seconds."""
        ...


class Ids(Protocol):
    def next(self) -> int:
        """Return a globally unique id, from 1 to 2**63 - 1. Ids increase roughly with time."""
        ...
