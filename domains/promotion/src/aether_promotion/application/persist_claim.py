from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from aether_promotion.application.ports import ClaimCounter, Clock, CounterAway, Transactions, UnitOfWork
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.events import ClaimDecided, ClaimsClosed


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistClaims:
    """Persists claims from the log as coupons, in one transaction: each once, and only if it precedes its generation's mark."""

    transactions: Transactions
    counter: ClaimCounter

    def __call__(self, claims: Sequence[ClaimDecided], /) -> None:
        # Sorted, so that two workers lock the claim authorities in the same order.
        in_order = sorted(claims, key=lambda claim: claim.template_id)
        by_template = {
            template_id: list(its) for template_id, its in groupby(in_order, lambda claim: claim.template_id)
        }

        def persist(unit: UnitOfWork) -> None:
            for template_id, its in by_template.items():
                _persist(unit, template_id, its)

        self.transactions.run(persist)
        try:
            for template_id, its in by_template.items():
                self.counter.persisted(template_id, its)
        except CounterAway:
            # The worker appends waiting claims again, and this is retried then.
            return


def _persist(unit: UnitOfWork, template_id: int, claims: Sequence[ClaimDecided]) -> None:
    authority = unit.authorities.lock(template_id)
    # By id, because the log may hold a claim twice.
    binding = {claim.coupon_id: claim for claim in claims if not authority.void(claim.generation)}
    for coupon_id in unit.coupons.known(binding.keys()):
        del binding[coupon_id]
    if not binding:
        return
    terms = unit.templates.get(template_id).terms.coupon
    unit.authorities.save(authority.count(len(binding)))
    unit.coupons.add_all(
        [
            Coupon.claim(
                claim.coupon_id,
                template_id=template_id,
                owner=claim.owner,
                key=claim.idempotency_key,
                terms=terms,
                now=claim.occurred_at,
            )
            for claim in binding.values()
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleClaims:
    """Records that every claim of a generation is persisted, because its mark was read from the log."""

    transactions: Transactions
    clock: Clock

    def __call__(self, closed: ClaimsClosed, /) -> None:
        now = self.clock.now()

        def settle(unit: UnitOfWork) -> None:
            authority = unit.authorities.lock(closed.template_id)
            unit.authorities.save(authority.settle(closed.generation, now))

        self.transactions.run(settle)
