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
from aether_promotion.domain.claim_authority import ClaimAuthority, Decides
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import TemplateStatus

_LOAD_TIMEOUT: Final = timedelta(seconds=5)
_APPEND_AFTER_SECONDS: Final = 10.0
_COUPONS_PER_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepClaimAuthorities:
    """Moves the claim authority of each template between SQL and Redis. Any number of workers may run it at once.

    If SQL decides and Redis is available, it loads the claims into Redis and hands over to it. If Redis is down or
    has lost its data, it ends the generation. It also appends decisions to the log that a crashed process did not.
    """

    transactions: Transactions
    counter: ClaimCounter
    log: ClaimLog
    clock: Clock

    def __call__(self) -> bool:
        """Check every claim authority once. Return False: nothing is left to do."""
        now = self.clock.now()
        for authority in self.transactions.read(lambda unit: unit.authorities.to_keep(now)):
            try:
                self._keep(authority)
            except CounterAway:
                self._close(authority)
        return False

    def _keep(self, authority: ClaimAuthority) -> None:
        template = self.transactions.read(lambda unit: unit.templates.get(authority.template_id))
        offered = (
            template.status is TemplateStatus.PUBLISHED
            and self.clock.now() < template.terms.coupon.valid_until
        )
        server = self.counter.server()
        if authority.decides is Decides.SQL and offered:
            self._open(authority, template, server)
        elif authority.decides is Decides.REDIS:
            if not offered or self._lost(authority, server):
                self._close(authority)
                self.counter.forget(authority.template_id, authority.generation)
            else:
                self._append_waiting(authority)

    def _open(self, seen: ClaimAuthority, template: Template, server: str) -> None:
        now = self.clock.now()

        def hand_over(unit: UnitOfWork) -> ClaimAuthority | None:
            authority = unit.authorities.lock(seen.template_id)
            if authority.decides is not Decides.SQL or authority.generation != seen.generation:
                return None
            return unit.authorities.save(authority.hand_over(server, now))

        authority = self.transactions.run(hand_over)
        if authority is None:
            return
        after, whole = 0, False
        while not whole:
            claims = self.transactions.read(
                lambda unit, after=after: unit.coupons.claims(
                    authority.template_id, after=after, limit=_COUPONS_PER_BATCH
                )  # type: ignore[misc]
            )
            whole = len(claims) < _COUPONS_PER_BATCH
            after = claims[-1].id if claims else after
            if not self.counter.open(authority, template, claims, whole=whole):
                return

    def _lost(self, authority: ClaimAuthority, server: str) -> bool:
        if (
            self.counter.generation(authority.template_id) == authority.generation
            and server == authority.server
        ):
            return False
        return self.clock.now() - authority.since > _LOAD_TIMEOUT

    def _close(self, seen: ClaimAuthority) -> None:
        now = self.clock.now()

        def close(unit: UnitOfWork) -> None:
            authority = unit.authorities.lock(seen.template_id)
            if authority.accepts(seen.generation):
                unit.authorities.save(authority.close(now))

        if seen.decides is Decides.REDIS:
            self.transactions.run(close)

    def _append_waiting(self, authority: ClaimAuthority) -> None:
        for claim in self.counter.waiting(authority.template_id, seconds=_APPEND_AFTER_SECONDS):
            self.log.append(claim)
