from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aether_promotion.application.ports import (
    ClaimCounter,
    ClaimLog,
    Clock,
    CounterAway,
    Transactions,
    UnitOfWork,
)
from aether_promotion.domain.desk import Decides, Desk
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import TemplateStatus

_LOADING: Final = timedelta(seconds=5)
_PATIENCE: Final = 10.0
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepDesks:
    """Looks after who decides claims, again and again; any number of workers may, at the same time.

    Where SQL decides and Redis is there, Redis is warmed up and decides. Where Redis is away, or has lost what it
    knew, its generation is ended. Decisions that nobody handed on, because a process died, are handed on here.
    """

    transactions: Transactions
    counter: ClaimCounter
    log: ClaimLog
    clock: Clock

    def __call__(self) -> bool:
        """Once; False, because nothing is left to do at once."""
        now = self.clock.now()
        for desk in self.transactions.read(lambda unit: unit.desks.to_keep(now)):
            try:
                self._keep(desk)
            except CounterAway:
                self._close(desk)
        return False

    def _keep(self, desk: Desk) -> None:
        template = self.transactions.read(lambda unit: unit.templates.get(desk.template_id))
        offered = (
            template.status is TemplateStatus.PUBLISHED
            and self.clock.now() < template.terms.coupon.valid_until
        )
        server = self.counter.server()
        if desk.decides is Decides.SQL and offered:
            self._open(desk, template, server)
        elif desk.decides is Decides.REDIS:
            if not offered or self._lost(desk, server):
                self._close(desk)
                self.counter.forget(desk.template_id, desk.generation)
            else:
                self._hand_on(desk)

    def _open(self, seen: Desk, template: Template, server: str) -> None:
        now = self.clock.now()

        def hand_over(unit: UnitOfWork) -> Desk | None:
            desk = unit.desks.lock(seen.template_id)
            if desk.decides is not Decides.SQL or desk.generation != seen.generation:
                return None
            return unit.desks.save(desk.hand_over(server, now))

        desk = self.transactions.run(hand_over)
        if desk is None:
            return
        after, whole = 0, False
        while not whole:
            claims = self.transactions.read(
                lambda unit, after=after: unit.coupons.claims(desk.template_id, after=after, limit=_BATCH)  # type: ignore[misc]
            )
            whole = len(claims) < _BATCH
            after = claims[-1].id if claims else after
            if not self.counter.open(desk, template, claims, whole=whole):
                return

    def _lost(self, desk: Desk, server: str) -> bool:
        if self.counter.generation(desk.template_id) == desk.generation and server == desk.server:
            return False
        return self.clock.now() - desk.since > _LOADING

    def _close(self, seen: Desk) -> None:
        now = self.clock.now()

        def close(unit: UnitOfWork) -> None:
            desk = unit.desks.lock(seen.template_id)
            if desk.accepts(seen.generation):
                unit.desks.save(desk.close(now))

        if seen.decides is Decides.REDIS:
            self.transactions.run(close)

    def _hand_on(self, desk: Desk) -> None:
        for claim in self.counter.waiting(desk.template_id, seconds=_PATIENCE):
            self.log.append(claim)
