"""Remembers what promotion refuses to every buyer, so that a crowd at a sold-out sale is refused without asking it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from aether_adapters.kernel.problems import Problem
from aether_adapters.kernel.recent_refusals import LIFE_SECONDS, RecentRefusals

from aether_trade.adapters.promotion import RefusedByPromotion
from aether_trade.application.ports import Clock, Promotions, Refused
from aether_trade.domain.basket import Item
from aether_trade.domain.quote import Quote

_NOT_STARTED: Final = "/problems/promotion/activity-not-started"
_FOR_EVERYBODY: Final = {
    "/problems/promotion/stock-gone",
    "/problems/promotion/activity-over",
    _NOT_STARTED,
}
"""Refusals that any other buyer of the same item would get at that moment."""


class RememberedRefusals:
    """`Promotions` that remembers refusals of flash sale items for up to a second (docs/adr/0014).

    A sale that has not started is refused until its start at the latest, by this machine's clock. Whatever releases
    stock through this process ends all memories, so that a buyer whose order failed can order again at once.
    """

    def __init__(
        self,
        promotions: Promotions,
        clock: Clock,
        refusals: RecentRefusals[Item, Problem] | None = None,
    ) -> None:
        self._promotions = promotions
        self._clock = clock
        self._refusals = refusals or RecentRefusals()

    def refusal(self, items: Sequence[Item], /) -> Refused | None:
        for item in items:
            if item.activity_id is not None:
                problem = self._refusals.get(item)
                if problem is not None:
                    # A new one for each buyer: an exception that is raised again and again keeps every traceback.
                    return RefusedByPromotion(problem)
        return None

    def quote(self, buyer: str, items: Sequence[tuple[Item, int]], coupon_ids: Sequence[int], /) -> Quote:
        asked_at = self._refusals.now()
        try:
            return self._promotions.quote(buyer, items, coupon_ids)
        except RefusedByPromotion as refused:
            self._remember(refused.problem, [item for item, _ in items], asked_at)
            raise

    def reserve(self, order_id: int, buyer: str, item: Item, /, *, until: datetime) -> None:
        asked_at = self._refusals.now()
        try:
            self._promotions.reserve(order_id, buyer, item, until=until)
        except RefusedByPromotion as refused:
            self._remember(refused.problem, [item], asked_at)
            raise

    def lock_coupons(
        self, order_id: int, buyer: str, coupon_ids: Sequence[int], /, *, until: datetime
    ) -> None:
        self._promotions.lock_coupons(order_id, buyer, coupon_ids, until=until)

    def release(self, order_id: int, /) -> None:
        self._promotions.release(order_id)
        self._refusals.clear()

    def _remember(self, problem: Problem, items: Sequence[Item], asked_at: float) -> None:
        if problem.type not in _FOR_EVERYBODY:
            return
        life_seconds = LIFE_SECONDS
        if problem.type == _NOT_STARTED:
            starts_at = datetime.fromisoformat(str(problem.values["startsAt"]))
            life_seconds = (starts_at - self._clock.now()).total_seconds()
        for item in items:
            if str(item.activity_id) == problem.values["activityId"]:
                self._refusals.add(item, problem, asked_at=asked_at, life_seconds=life_seconds)
