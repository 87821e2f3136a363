"""What the use cases need of the world, named for its role; `adapters/` meets it.

Every implementation passes the same suite, `tests/test_ports.py` and those beside it.
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
        """Store a new one; the one returned is as stored. Raises `CourseHasChanged` if it is there."""
        ...

    def get(self, course_id: int, /) -> Course:
        """The one of that id; raises `CourseNotFound`."""
        ...

    def save(self, course: Course, /) -> Course:
        """Store a change; raises `CourseHasChanged` when it is not at the version it was loaded with."""
        ...

    def page(self, *, on_sale_only: bool, before: int | None, limit: int) -> tuple[Course, ...]:
        """The newest `limit` with an id below `before`, newest first."""
        ...


class Orders(Protocol):
    """Every order there is. A buyer's are invisible to other buyers."""

    def add(self, order: Order, /) -> Order:
        """Store a new one and its events; the one returned is as stored. Raises `OrderHasChanged` if it is there."""
        ...

    def get(self, order_id: int, /, *, buyer: str | None) -> Order:
        """The one of that id; raises `OrderNotFound`, also where it is another buyer's. With None anybody's."""
        ...

    def save(self, order: Order, /) -> Order:
        """Store a change and its events; the one returned is as stored.

        Raises `OrderHasChanged` when it is not at the version it was loaded with, so that of two changes
        made to one version only the first is kept.
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
        """The newest `limit` of a buyer with an id below `before`, newest first; None: of all buyers, in all states."""
        ...

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[int, ...]:
        """The ids of `limit` orders that wait for a payment though their deadline has passed, the latest first due."""
        ...


class Refunds(Protocol):
    """What the shop owes its buyers."""

    def add(self, refund: Refund, /) -> None:
        """Owe one more."""
        ...

    def save(self, refund: Refund, /) -> None:
        """Note an attempt to send it, or that it was sent."""
        ...

    def known(self, payment_id: str, /) -> bool:
        """Whether any of what this payment brought was ever owed back, sent or not."""
        ...

    def owed(self, *, limit: int) -> tuple[Refund, ...]:
        """Those not sent, the least tried first, then the oldest."""
        ...


class KnownKey(Protocol):
    """An idempotency key that was seen. `result` is the order's id, None while it is being placed."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def result(self) -> str | None: ...
    @property
    def lapsed(self) -> bool:
        """Whoever claimed it has had its time; the next may claim it."""
        ...


class Keys(Protocol):
    """The idempotency keys of each buyer, so that a request sent twice places one order."""

    def claim(self, scope: str, key: str, fingerprint: str, claimant: str, seconds: float) -> bool:
        """Take a key that is new, or whose claimant has had its `seconds`; False if somebody else has it."""
        ...

    def find(self, scope: str, key: str) -> KnownKey | None:
        """What is known of a key."""
        ...

    def finish(self, scope: str, key: str, claimant: str, result: str) -> bool:
        """Keep the result for good; False if the key is no longer the claimant's, and then nothing may be kept."""
        ...

    def abandon(self, scope: str, key: str, claimant: str) -> None:
        """Give a key back that led to nothing. Nothing happens where it is finished or somebody else's."""
        ...

    def prune(self, older_than: timedelta) -> int:
        """Forget keys first seen longer ago than that; returns how many."""
        ...


class Inbox(Protocol):
    """Which messages were handled, so that one delivered twice is handled once."""

    def first_time(self, consumer: str, event_id: str, /) -> bool:
        """Note the message; False if this consumer noted it before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfWork:
    """What one transaction can reach."""

    courses: Courses
    orders: Orders
    refunds: Refunds
    keys: Keys
    inbox: Inbox


class Transactions(Protocol):
    """All or nothing: what the work changed is kept if it returns, and forgotten if it raises."""

    def run(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Do the work and commit. It may be run again from the start, so it has no effect elsewhere."""
        ...

    def read(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Do work that changes nothing, without standing in the way of those who do."""
        ...


class Refused(Exception):
    """Another service's rules refused a step, which therefore holds nothing. What is raised says it in that service's words."""


class Promotions(Protocol):
    """Coupons and flash sales, which another service keeps.

    What its rules refuse is raised as that service said it, and is a `Refused`. All but `quote` may be asked again with the same effect.
    """

    def quote(self, buyer: str, items: Sequence[tuple[Item, int]], coupon_ids: Sequence[int], /) -> Quote:
        """What the items cost, each given with the catalogue's price in cents for one."""
        ...

    def reserve(self, order_id: int, buyer: str, item: Item, /, *, until: datetime) -> None:
        """Hold the item's flash sale stock for the order. After `until` it may go, unless the order is paid."""
        ...

    def lock_coupons(
        self, order_id: int, buyer: str, coupon_ids: Sequence[int], /, *, until: datetime
    ) -> None:
        """Hold the coupons for the order, so that no other uses them. After `until` they may go, unless it is paid."""
        ...

    def release(self, order_id: int, /) -> None:
        """Give back what is held for an order that will not be. Best effort: it never raises.

        What it could not give back the other service finds itself: it asks for the order once `until` has passed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPayment:
    """A payment the buyer can make at `url`."""

    payment_id: str
    url: str


class Payments(Protocol):
    """The payment provider. What it is told twice has its effect once."""

    def open(self, order_id: int, cents: int, /) -> OpenPayment:
        """Open the payment of an order, or find the one that is open; raises a technical error of its kind."""
        ...

    def refund(self, refund: Refund, /) -> bool:
        """Have the money sent back. False if the provider could not be told, or would not: try again later."""
        ...

    def read(self, payload: bytes, signature: str, /) -> Notice:
        """What the provider says in a notice; raises `SignatureForged`, and only then `NoticeNotReadable`."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, in UTC, to the microsecond; it may stand still or go back."""
        ...


class Ids(Protocol):
    def next(self) -> int:
        """An id that no other process has or will get, from 1 to 2**63 - 1; later ones are larger, roughly."""
        ...
