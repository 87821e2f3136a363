"""The counters of Redis in memory, for unit tests. They can be away, and they can forget."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from aether_promotion.application.ports import Clock, CounterAway, Granted, Refused, Taken
from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.desk import Desk
from aether_promotion.domain.events import ClaimDecided
from aether_promotion.domain.template import Template


@dataclass
class _Desk:
    generation: int
    template: Template
    left: int | None = None
    server: str = ""
    owners: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    waiting: dict[int, ClaimDecided] = field(default_factory=dict)


class MemoryClaimCounter:
    """`away` makes it unreachable; `restart` gives it another name, with or without its memory."""

    def __init__(self, clock: Clock) -> None:
        self.away = False
        self._clock = clock
        self._lock = Lock()
        self._starts = 1
        self._desks: dict[int, _Desk] = {}

    def restart(self, *, forget: bool) -> None:
        self._starts += 1
        if forget:
            self._desks.clear()

    def claim(self, template_id: int, owner: str, key: str, coupon_id: int, /) -> Granted | Refused:
        with self._lock:
            desk = self._desk(template_id)
            if desk is None or desk.left is None or desk.server != self.server():
                return Refused.COLD
            mine = desk.owners[owner]
            if key in mine:
                earlier = mine[key]
                return Granted(coupon_id=earlier, generation=desk.generation, waiting=earlier in desk.waiting)
            now, terms = self._clock.now(), desk.template.terms
            refused = (
                (Refused.EARLY, now < terms.claims_from),
                (Refused.OVER, now >= terms.coupon.valid_until),
                (Refused.LIMIT, len(mine) >= terms.limit_per_user),
                (Refused.QUOTA, desk.left < 1),
            )
            for reason, applies in refused:
                if applies:
                    return reason
            desk.left -= 1
            mine[key] = coupon_id
            desk.waiting[coupon_id] = ClaimDecided(
                coupon_id=coupon_id,
                template_id=template_id,
                generation=desk.generation,
                owner=owner,
                idempotency_key=key,
                occurred_at=now,
            )
            return Granted(coupon_id=coupon_id, generation=desk.generation, waiting=True)

    def server(self) -> str:
        self._reach()
        return f"memory-{self._starts}"

    def generation(self, template_id: int, /) -> int | None:
        desk = self._desk(template_id)
        return None if desk is None or desk.left is None else desk.generation

    def open(self, desk: Desk, template: Template, claims: Sequence[Coupon], /, *, whole: bool) -> bool:
        with self._lock:
            present = self._desk(template.id)
            if present is not None and (
                present.generation > desk.generation
                or (present.generation == desk.generation and present.left is not None)
            ):
                return False
            if present is None or present.generation < desk.generation:
                present = self._desks[template.id] = _Desk(desk.generation, template)
            for coupon in claims:
                present.owners[coupon.owner][coupon.key] = coupon.id
            if whole:
                present.left, present.server = desk.left, desk.server
            return True

    def forget(self, template_id: int, generation: int, /) -> None:
        with self._lock:
            desk = self._desk(template_id)
            if desk is not None and desk.generation == generation:
                del self._desks[template_id]

    def persisted(self, claim: ClaimDecided, /) -> None:
        desk = self._desk(claim.template_id)
        if desk is not None:
            desk.waiting.pop(claim.coupon_id, None)

    def waiting(self, template_id: int, /, *, seconds: float) -> tuple[ClaimDecided, ...]:
        desk, now = self._desk(template_id), self._clock.now()
        found = () if desk is None else tuple(desk.waiting.values())
        return tuple(claim for claim in found if (now - claim.occurred_at).total_seconds() >= seconds)

    def _desk(self, template_id: int) -> _Desk | None:
        self._reach()
        return self._desks.get(template_id)

    def _reach(self) -> None:
        if self.away:
            raise CounterAway


@dataclass
class _Sale:
    activity: Activity
    left: int
    held: dict[int, int]


class MemoryStockCounter:
    """`away` makes it unreachable; `forget` takes its memory."""

    def __init__(self, clock: Clock) -> None:
        self.away = False
        self._clock = clock
        self._lock = Lock()
        self._sales: dict[int, _Sale] = {}

    def forget(self) -> None:
        self._sales.clear()

    def take(self, activity_id: int, order_id: int, quantity: int, /) -> Taken:
        with self._lock:
            sale = self._sale(activity_id)
            if sale is None:
                return Taken.COLD
            if order_id in sale.held:
                return Taken.AGAIN
            now = self._clock.now()
            if now < sale.activity.starts_at:
                return Taken.EARLY
            if now >= sale.activity.ends_at:
                return Taken.OVER
            if sale.left < quantity:
                return Taken.GONE
            sale.left -= quantity
            sale.held[order_id] = quantity
            return Taken.NEW

    def give_back(self, activity_id: int, order_id: int, /) -> None:
        with self._lock:
            sale = self._sale(activity_id)
            if sale is not None:
                sale.left += sale.held.pop(order_id, 0)

    def confirmed(self, activity_id: int, order_id: int, /) -> None:
        sale = self._sale(activity_id)
        if sale is not None:
            sale.held.pop(order_id, None)

    def left(self, activity_id: int, /) -> int | None:
        sale = self._sale(activity_id)
        return None if sale is None else sale.left

    def holders(self, activity_id: int, /) -> int:
        sale = self._sale(activity_id)
        return 0 if sale is None else len(sale.held)

    def load(self, activity: Activity, held: Sequence[Reservation], /) -> None:
        with self._lock:
            self._reach()
            holds = {one.order_id: one.quantity for one in held}
            self._sales[activity.id] = _Sale(activity, activity.left, holds)

    def _sale(self, activity_id: int) -> _Sale | None:
        self._reach()
        return self._sales.get(activity_id)

    def _reach(self) -> None:
        if self.away:
            raise CounterAway
