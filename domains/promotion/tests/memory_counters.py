"""The counters of Redis in memory. A test can make them unavailable, or erase their data."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from aether_promotion.application.ports import Clock, CounterAway, Granted, Refused, Taken
from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.claim_authority import ClaimAuthority
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.events import ClaimDecided
from aether_promotion.domain.template import Template


@dataclass
class _ClaimAuthority:
    generation: int
    template: Template
    left: int | None = None
    server: str = ""
    owners: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    waiting: dict[int, ClaimDecided] = field(default_factory=dict)


class MemoryClaimCounter:
    """`away` makes it unavailable; `restart` changes its server id, and erases its data if asked to."""

    def __init__(self, clock: Clock) -> None:
        self.away = False
        self._clock = clock
        self._lock = Lock()
        self._starts = 1
        self._authorities: dict[int, _ClaimAuthority] = {}

    def restart(self, *, forget: bool) -> None:
        self._starts += 1
        if forget:
            self._authorities.clear()

    def claim(self, template_id: int, owner: str, key: str, coupon_id: int, /) -> Granted | Refused:
        with self._lock:
            authority = self._authority(template_id)
            if authority is None or authority.left is None or authority.server != self.server():
                return Refused.COLD
            mine = authority.owners[owner]
            if key in mine:
                earlier = mine[key]
                return Granted(
                    coupon_id=earlier, generation=authority.generation, waiting=earlier in authority.waiting
                )
            now, terms = self._clock.now(), authority.template.terms
            refused = (
                (Refused.EARLY, now < terms.claims_from),
                (Refused.OVER, now >= terms.coupon.valid_until),
                (Refused.LIMIT, len(mine) >= terms.limit_per_user),
                (Refused.QUOTA, authority.left < 1),
            )
            for reason, applies in refused:
                if applies:
                    return reason
            authority.left -= 1
            mine[key] = coupon_id
            authority.waiting[coupon_id] = ClaimDecided(
                coupon_id=coupon_id,
                template_id=template_id,
                generation=authority.generation,
                owner=owner,
                idempotency_key=key,
                occurred_at=now,
            )
            return Granted(coupon_id=coupon_id, generation=authority.generation, waiting=True)

    def server(self) -> str:
        self._reach()
        return f"memory-{self._starts}"

    def generation(self, template_id: int, /) -> int | None:
        authority = self._authority(template_id)
        return None if authority is None or authority.left is None else authority.generation

    def open(
        self, authority: ClaimAuthority, template: Template, claims: Sequence[Coupon], /, *, whole: bool
    ) -> bool:
        with self._lock:
            present = self._authority(template.id)
            if present is not None and (
                present.generation > authority.generation
                or (present.generation == authority.generation and present.left is not None)
            ):
                return False
            if present is None or present.generation < authority.generation:
                present = self._authorities[template.id] = _ClaimAuthority(authority.generation, template)
            for coupon in claims:
                present.owners[coupon.owner][coupon.key] = coupon.id
            if whole:
                present.left, present.server = authority.left, authority.server
            return True

    def forget(self, template_id: int, generation: int, /) -> None:
        with self._lock:
            authority = self._authority(template_id)
            if authority is not None and authority.generation == generation:
                del self._authorities[template_id]

    def persisted(self, template_id: int, claims: Sequence[ClaimDecided], /) -> None:
        authority = self._authority(template_id)
        if authority is not None:
            for claim in claims:
                authority.waiting.pop(claim.coupon_id, None)

    def waiting(self, template_id: int, /, *, seconds: float) -> tuple[ClaimDecided, ...]:
        authority, now = self._authority(template_id), self._clock.now()
        found = () if authority is None else tuple(authority.waiting.values())
        return tuple(claim for claim in found if (now - claim.occurred_at).total_seconds() >= seconds)

    def _authority(self, template_id: int) -> _ClaimAuthority | None:
        self._reach()
        return self._authorities.get(template_id)

    def _reach(self) -> None:
        if self.away:
            raise CounterAway


@dataclass
class _Sale:
    activity: Activity
    left: int
    held: dict[int, int]


class MemoryStockCounter:
    """`away` makes it unavailable; `forget` erases its data."""

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
