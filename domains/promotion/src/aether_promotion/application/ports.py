"""Driven ports: what the use cases need, named for its role. `adapters/` implements them.

Every implementation passes the same contract suite, `tests/test_ports.py`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol, TypeVar

from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.claim_authority import ClaimAuthority
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.events import ClaimDecided
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import CouponStatus, TemplateStatus

T = TypeVar("T")


class Templates(Protocol):
    """All templates."""

    def add(self, template: Template, /) -> Template:
        """Store a new template. Return it as stored. Raises `TemplateHasChanged` if its id is already stored."""
        ...

    def get(self, template_id: int, /) -> Template:
        """Return the template with this id. Raises `TemplateNotFound`."""
        ...

    def save(self, template: Template, /) -> Template:
        """Store a change. Raises `TemplateHasChanged` if the stored version is not the one it was loaded with."""
        ...

    def page(
        self, *, statuses: Sequence[TemplateStatus], before: int | None, limit: int
    ) -> tuple[Template, ...]:
        """Return up to `limit` templates in one of `statuses` with an id below `before`, newest first."""
        ...


class ClaimAuthorities(Protocol):
    """The claim authority of each template: who decides its claims, and how many are persisted."""

    def add(self, authority: ClaimAuthority, /) -> None: ...

    def get(self, template_id: int, /) -> ClaimAuthority:
        """Return the committed claim authority. Raises `TemplateNotFound`."""
        ...

    def lock(self, template_id: int, /) -> ClaimAuthority:
        """Like `get`, and lock the row until this unit of work ends."""
        ...

    def save(self, authority: ClaimAuthority, /) -> ClaimAuthority:
        """Store a change of a locked claim authority, and its events. Return it as stored."""
        ...

    def take(self, template_id: int, /) -> ClaimAuthority:
        """Count one more claim if the claim authority `gives`. Raises `TemplateNotFound`.

        Return the claim authority as it was at the decision: `gives` tells whether a claim was counted. Explain a
        refusal by this value and by no later read, because another process may switch the authority between two
        statements. If it `gives`, the row stays locked until this unit of work ends; a refusal takes no lock.
        """
        ...

    def to_keep(self, now: datetime, /) -> tuple[ClaimAuthority, ...]:
        """Return those of published templates that have not ended, and all that are not decided by SQL."""
        ...


class Coupons(Protocol):
    """All coupons. An owner cannot see another's."""

    def add(self, coupon: Coupon, /) -> Coupon:
        """Store a new coupon and its events. Return it as stored. Raises `CouponHasChanged` if its id is stored."""
        ...

    def add_all(self, coupons: Sequence[Coupon], /) -> None:
        """Store new coupons and their events, all or none. Raises `CouponHasChanged` if an id is already stored."""
        ...

    def known(self, coupon_ids: Collection[int], /) -> frozenset[int]:
        """Return those of `coupon_ids` that exist, whoever owns them."""
        ...

    def get(self, coupon_id: int, /, *, owner: str) -> Coupon:
        """Return the coupon with this id. Raises `CouponNotFound`, also if it is somebody else's."""
        ...

    def hold(self, coupon_id: int, /, *, owner: str) -> Coupon:
        """Like `get`, and lock the row until this unit of work ends."""
        ...

    def save(self, coupon: Coupon, /) -> Coupon:
        """Store a change and its events. Raises `CouponHasChanged` if the stored version is not the one loaded."""
        ...

    def page(
        self, *, owner: str, status: CouponStatus | None, now: datetime, before: int | None, limit: int
    ) -> tuple[Coupon, ...]:
        """Return up to `limit` coupons of an owner with an id below `before`, newest first; None: in every state.

        `status` is the one at `now`: an unused coupon whose validity has ended counts as expired.
        """
        ...

    def claimed(self, template_id: int, /, *, owner: str) -> tuple[Coupon, ...]:
        """Return the coupons that an owner has claimed of a template."""
        ...

    def claims(self, template_id: int, /, *, after: int, limit: int) -> tuple[Coupon, ...]:
        """Return up to `limit` coupons of a template with an id above `after`, ordered by id."""
        ...

    def of_order(self, order_id: int, /) -> tuple[Coupon, ...]:
        """Return the coupons locked or used for an order, and lock the rows until this unit of work ends."""
        ...

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[Coupon, ...]:
        """Return up to `limit` coupons whose lock has expired, earliest first."""
        ...

    def expire(self, now: datetime, /, *, limit: int) -> int:
        """Mark up to `limit` unused coupons whose validity has ended as expired. Return how many."""
        ...


class Activities(Protocol):
    """All flash sales, with the number of seats held and sold."""

    def add(self, activity: Activity, /) -> Activity:
        """Store a new sale. Raises `ActivityHasChanged` if its id is already stored."""
        ...

    def get(self, activity_id: int, /) -> Activity:
        """Return the sale with this id. Raises `ActivityNotFound`."""
        ...

    def save(self, activity: Activity, /) -> Activity:
        """Store an operator's change, without `held` and `sold`. Raises `ActivityHasChanged`."""
        ...

    def page(self, *, before: int | None, limit: int) -> tuple[Activity, ...]:
        """Return up to `limit` sales with an id below `before`, newest first."""
        ...

    def to_keep(self, ended_after: datetime, /) -> tuple[Activity, ...]:
        """Return the sales that end after that moment."""
        ...


class Reservations(Protocol):
    """The seats that orders hold in flash sales. It counts them: no seat is sold twice, whatever Redis says."""

    def take(self, reservation: Reservation, now: datetime, /) -> Reservation:
        """Store a new reservation and hold its seats, if the sale is running and has enough left.

        One locked read of the sale both decides and explains a refusal. Raises `ActivityNotFound`,
        `ActivityNotStarted`, `ActivityOver`, `StockGone`, and `AlreadyReserved` if the order already has a reservation
        of this sale; the unit of work must then be rolled back.
        """
        ...

    def get(self, order_id: int, activity_id: int, /) -> Reservation | None: ...

    def of_order(self, order_id: int, /) -> tuple[Reservation, ...]:
        """Return all reservations of an order, ordered by sale, and lock the rows until this unit of work ends."""
        ...

    def settle(self, reservation: Reservation, /) -> bool:
        """Store that a held reservation is confirmed or released, count its seats, and store its events.

        Return False and change nothing if it is no longer held.
        """
        ...

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[Reservation, ...]:
        """Return up to `limit` held reservations that have expired, earliest first."""
        ...

    def held(self, activity_id: int, /) -> tuple[Reservation, ...]:
        """Return the held reservations of a sale."""
        ...


class AlreadyReserved(Exception):
    """The order already has a reservation of this sale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfWork:
    """The repositories of one transaction."""

    templates: Templates
    authorities: ClaimAuthorities
    coupons: Coupons
    activities: Activities
    reservations: Reservations


class Transactions(Protocol):
    """Runs units of work: commits if the work returns, rolls back if it raises."""

    def run(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Run the work and commit. It may be run more than once, so it must have no effect outside the database."""
        ...

    def read(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Run work that only reads, without blocking writers."""
        ...


class CounterAway(Exception):
    """The counter cannot be reached: SQL decides, at a limited rate."""


class Refused(Enum):
    """Why the claim counter refuses."""

    COLD = "cold"
    """It has no data of this template, or lost some."""
    EARLY = "early"
    OVER = "over"
    LIMIT = "limit"
    QUOTA = "quota"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A coupon granted now, or earlier to the same key. `waiting` until it is known to be persisted."""

    coupon_id: int
    generation: int
    waiting: bool


class ClaimCounter(Protocol):
    """Decides claims fast, in memory that may be lost at any moment. Every method may raise `CounterAway`.

    A decision is binding only once it is in the `ClaimLog` while its generation is open.
    """

    def claim(self, template_id: int, owner: str, key: str, coupon_id: int, /) -> Granted | Refused:
        """Grant `coupon_id` to `owner` if window, quota and limit allow it; the earlier coupon if `key` was used."""
        ...

    def server(self) -> str:
        """Return the id of the counter's process. It changes with each start, whether data survived or not."""
        ...

    def generation(self, template_id: int, /) -> int | None:
        """Return the generation that it decides, or None if it decides none."""
        ...

    def open(
        self, authority: ClaimAuthority, template: Template, claims: Sequence[Coupon], /, *, whole: bool
    ) -> bool:
        """Load earlier claims. With `whole` they are complete, and the counter decides from then on.

        Return False and change nothing if it is already open, in this generation or a later one.
        """
        ...

    def forget(self, template_id: int, generation: int, /) -> None:
        """Stop deciding this generation. No effect if it is open in a later one."""
        ...

    def persisted(self, template_id: int, claims: Sequence[ClaimDecided], /) -> None:
        """Remove persisted decisions of a template from those that wait."""
        ...

    def waiting(self, template_id: int, /, *, seconds: float) -> tuple[ClaimDecided, ...]:
        """Return decisions that have waited for longer than `seconds`: a process died before appending them."""
        ...


class ClaimLog(Protocol):
    """The durable log of decided claims, in order for each template."""

    def append(self, claim: ClaimDecided, /) -> None:
        """Return once the claim is durable. Raises `Unavailable` or `DeadlineExceeded` if that is not known."""
        ...


class Taken(Enum):
    """The answer of the stock counter."""

    NEW = "new"
    AGAIN = "again"
    """The order already holds seats of this sale."""
    GONE = "gone"
    EARLY = "early"
    OVER = "over"
    COLD = "cold"
    """It has no data of this sale."""


class StockCounter(Protocol):
    """Rejects early what SQL would reject. It may be wrong either way; SQL decides. Methods may raise `CounterAway`."""

    def take(self, activity_id: int, order_id: int, quantity: int, /) -> Taken: ...

    def give_back(self, activity_id: int, order_id: int, /) -> None:
        """Free the order's seats. No effect if it holds none."""
        ...

    def confirmed(self, activity_id: int, order_id: int, /) -> None:
        """Mark the order's seats as sold."""
        ...

    def left(self, activity_id: int, /) -> int | None:
        """Return the seats left according to the counter, or None if it has no data."""
        ...

    def holders(self, activity_id: int, /) -> int:
        """Return how many orders hold seats according to the counter."""
        ...

    def load(self, activity: Activity, held: Sequence[Reservation], /) -> None:
        """Replace the counter's data by what SQL says."""
        ...


class Orders(Protocol):
    """The state of orders, kept by the trade domain."""

    def fate(self, order_id: int, /) -> "Fate": ...


class Fate(Enum):
    PAID = "paid"
    PENDING = "pending"
    """It may still be paid; also if its state is unknown now."""
    GONE = "gone"
    """It was closed, or never placed."""


class Allowance(Protocol):
    """Limits the requests that go to SQL while the counter is down."""

    def take(self) -> None:
        """Take one request's share. Raises `Exhausted` if none is left."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time in UTC, to the microsecond. It may stand still or go back."""
        ...


class Ids(Protocol):
    def next(self) -> int:
        """Return a globally unique id, from 1 to 2**63 - 1. Ids increase roughly with time."""
        ...
