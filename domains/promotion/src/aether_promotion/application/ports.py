"""What the use cases need of the world, named for its role; `adapters/` meets it.

Every implementation passes the same suite, `tests/test_ports.py`.
"""

from collections.abc import Callable, Sequence
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
    """Every template there is."""

    def add(self, template: Template, /) -> Template:
        """Store a new one; the one returned is as stored. Raises `TemplateHasChanged` if it is there."""
        ...

    def get(self, template_id: int, /) -> Template:
        """Raises `TemplateNotFound`."""
        ...

    def save(self, template: Template, /) -> Template:
        """Store a change; raises `TemplateHasChanged` when it is not at the version it was loaded with."""
        ...

    def page(
        self, *, statuses: Sequence[TemplateStatus], before: int | None, limit: int
    ) -> tuple[Template, ...]:
        """The newest `limit` in one of `statuses` with an id below `before`, newest first."""
        ...


class ClaimAuthorities(Protocol):
    """Who decides the claims of each template, and how many are persisted."""

    def add(self, authority: ClaimAuthority, /) -> None: ...

    def get(self, template_id: int, /) -> ClaimAuthority:
        """As it is committed. Raises `TemplateNotFound`."""
        ...

    def lock(self, template_id: int, /) -> ClaimAuthority:
        """As `get`; nobody else changes it until this unit of work ends."""
        ...

    def save(self, authority: ClaimAuthority, /) -> ClaimAuthority:
        """Store a change of one that is locked, and its events; the one returned is as stored."""
        ...

    def take(self, template_id: int, /) -> ClaimAuthority:
        """Count one more claim if the desk `gives`. Raises `TemplateNotFound`.

        Returns the desk as it was when this was decided, so `gives` tells whether a claim was counted. Explain a
        refusal by this desk and by no later read: another process may switch the desk between two statements. One that
        `gives` stays locked until this unit of work ends; one that refuses is not locked, so refusals never queue.
        """
        ...

    def to_keep(self, now: datetime, /) -> tuple[ClaimAuthority, ...]:
        """Those of published templates that have not ended, and every one that SQL does not decide."""
        ...


class Coupons(Protocol):
    """Every coupon there is. An owner's are invisible to all others."""

    def add(self, coupon: Coupon, /) -> Coupon:
        """Store a new one and its events; the one returned is as stored. Raises `CouponHasChanged` if it is there."""
        ...

    def has(self, coupon_id: int, /) -> bool:
        """Whether there is one of that id, whoever owns it."""
        ...

    def get(self, coupon_id: int, /, *, owner: str) -> Coupon:
        """The one of that id; raises `CouponNotFound`, also where it is somebody else's."""
        ...

    def hold(self, coupon_id: int, /, *, owner: str) -> Coupon:
        """As `get`; nobody else changes it until this unit of work ends."""
        ...

    def save(self, coupon: Coupon, /) -> Coupon:
        """Store a change and its events; raises `CouponHasChanged` when it is not at the version it was loaded with."""
        ...

    def page(
        self, *, owner: str, status: CouponStatus | None, now: datetime, before: int | None, limit: int
    ) -> tuple[Coupon, ...]:
        """The newest `limit` of an owner with an id below `before`, newest first; all states if `status` is None.

        The status is that at `now`: an unused one whose validity has ended counts as expired.
        """
        ...

    def claimed(self, template_id: int, /, *, owner: str) -> tuple[Coupon, ...]:
        """What an owner has of a template."""
        ...

    def claims(self, template_id: int, /, *, after: int, limit: int) -> tuple[Coupon, ...]:
        """All of a template with an id above `after`, in the order of their ids."""
        ...

    def of_order(self, order_id: int, /) -> tuple[Coupon, ...]:
        """Those locked or used for an order; nobody else changes them until this unit of work ends."""
        ...

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[Coupon, ...]:
        """Locked ones whose lock has ended, the longest first."""
        ...

    def expire(self, now: datetime, /, *, limit: int) -> int:
        """Mark at most `limit` unused ones whose validity has ended; how many."""
        ...


class Activities(Protocol):
    """Every flash sale there is, and how many of its seats are held and sold."""

    def add(self, activity: Activity, /) -> Activity:
        """Store a new one; raises `ActivityHasChanged` if it is there."""
        ...

    def get(self, activity_id: int, /) -> Activity:
        """Raises `ActivityNotFound`."""
        ...

    def save(self, activity: Activity, /) -> Activity:
        """Store an operator's change; raises `ActivityHasChanged`. Leaves `held` and `sold` as they are."""
        ...

    def page(self, *, before: int | None, limit: int) -> tuple[Activity, ...]:
        """The newest `limit` with an id below `before`, newest first."""
        ...

    def to_keep(self, ended_after: datetime, /) -> tuple[Activity, ...]:
        """Those that end after that moment."""
        ...


class Reservations(Protocol):
    """What orders took of flash sales. It counts the seats: none is sold twice, whatever Redis says."""

    def take(self, reservation: Reservation, now: datetime, /) -> Reservation:
        """Store a new one and hold its seats, if the sale runs and has as many left.

        A refusal is decided and explained by one locked read of the sale, so the reason held when it was refused. Raises `ActivityNotFound`, `ActivityNotStarted`, `ActivityOver`, `StockGone`, and `AlreadyReserved` where the
        order has taken of this sale before; the unit of work must then be rolled back.
        """
        ...

    def get(self, order_id: int, activity_id: int, /) -> Reservation | None: ...

    def of_order(self, order_id: int, /) -> tuple[Reservation, ...]:
        """All of an order, by sale; nobody else changes them until this unit of work ends."""
        ...

    def settle(self, reservation: Reservation, /) -> bool:
        """Store that one that was held is confirmed or released, count its seats, and tell its events.

        False, and nothing is done, where it is held no longer.
        """
        ...

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[Reservation, ...]:
        """Held ones that have expired, the longest first."""
        ...

    def held(self, activity_id: int, /) -> tuple[Reservation, ...]:
        """Those of a sale that are held."""
        ...


class AlreadyReserved(Exception):
    """The order has taken of this sale before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOfWork:
    """What one transaction can reach."""

    templates: Templates
    authorities: ClaimAuthorities
    coupons: Coupons
    activities: Activities
    reservations: Reservations


class Transactions(Protocol):
    """All or nothing: what the work changed is kept if it returns, and forgotten if it raises."""

    def run(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Do the work and commit. It may be run again from the start, so it has no effect elsewhere."""
        ...

    def read(self, work: Callable[[UnitOfWork], T], /) -> T:
        """Do work that changes nothing, without standing in the way of those who do."""
        ...


class CounterAway(Exception):
    """The fast counter cannot be reached: SQL decides, at a limited rate."""


class Refused(Enum):
    """Why the claim counter gives nothing."""

    COLD = "cold"
    """It knows nothing of this template, or lost what it knew."""
    EARLY = "early"
    OVER = "over"
    LIMIT = "limit"
    QUOTA = "quota"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A coupon that the counter gave: now, or to the same key before. `waiting` until it is known to be persisted."""

    coupon_id: int
    generation: int
    waiting: bool


class ClaimCounter(Protocol):
    """Decides claims fast, in memory that may be lost at any moment. Every method raises `CounterAway`.

    A decision is a promise to nobody until it stands in the `ClaimLog` while its generation is open.
    """

    def claim(self, template_id: int, owner: str, key: str, coupon_id: int, /) -> Granted | Refused:
        """Give `coupon_id` to `owner`, if window, quota and limit allow it; the earlier one for a key that was used."""
        ...

    def server(self) -> str:
        """The process that decides. It has another name after each start, with or without its memory."""
        ...

    def generation(self, template_id: int, /) -> int | None:
        """The generation it decides in, with the memory it began with; None where it does not."""
        ...

    def open(
        self, authority: ClaimAuthority, template: Template, claims: Sequence[Coupon], /, *, whole: bool
    ) -> bool:
        """Learn of earlier claims, and decide from the call on that says they are `whole`.

        False, and nothing is done, where it has begun a later generation.
        """
        ...

    def forget(self, template_id: int, generation: int, /) -> None:
        """Decide no more in this generation; nothing happens where it has begun a later one."""
        ...

    def persisted(self, claim: ClaimDecided, /) -> None:
        """It need not wait for this one any more."""
        ...

    def waiting(self, template_id: int, /, *, seconds: float) -> tuple[ClaimDecided, ...]:
        """Decisions that have waited for longer than so many seconds; somebody died before handing them on."""
        ...


class ClaimLog(Protocol):
    """Where decided claims are safe, in one order for each template."""

    def append(self, claim: ClaimDecided, /) -> None:
        """Return when it is there, whatever dies next. Raises the technical error of its kind where that is not known."""
        ...


class Taken(Enum):
    """What the stock counter says."""

    NEW = "new"
    AGAIN = "again"
    """The order holds as much of this sale already."""
    GONE = "gone"
    EARLY = "early"
    OVER = "over"
    COLD = "cold"
    """It knows nothing of this sale."""


class StockCounter(Protocol):
    """Turns away, fast, whom SQL would turn away too; it may err either way, and SQL decides. Raises `CounterAway`."""

    def take(self, activity_id: int, order_id: int, quantity: int, /) -> Taken: ...

    def give_back(self, activity_id: int, order_id: int, /) -> None:
        """The order's seats are free again. Nothing happens where it holds none."""
        ...

    def confirmed(self, activity_id: int, order_id: int, /) -> None:
        """The order's seats are sold."""
        ...

    def left(self, activity_id: int, /) -> int | None:
        """What it believes to be left; None where it knows nothing."""
        ...

    def holders(self, activity_id: int, /) -> int:
        """How many orders it believes to hold seats."""
        ...

    def load(self, activity: Activity, held: Sequence[Reservation], /) -> None:
        """Believe what SQL says, and nothing else."""
        ...


class Orders(Protocol):
    """What became of orders, as the trade domain says."""

    def fate(self, order_id: int, /) -> "Fate": ...


class Fate(Enum):
    PAID = "paid"
    PENDING = "pending"
    """It may still be paid; also where nobody can say now."""
    GONE = "gone"
    """It was closed, or never placed."""


class Allowance(Protocol):
    """How much SQL takes upon itself while the counter is away."""

    def take(self) -> None:
        """Take one; raises the technical error of its kind where nothing is left."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, in UTC, to the microsecond; it may stand still or go back."""
        ...


class Ids(Protocol):
    def next(self) -> int:
        """An id that no other process has or will get, from 1 to 2**63 - 1; later ones are larger, roughly."""
        ...
