from dataclasses import dataclass

from aether_promotion.application.ports import ClaimCounter, Clock, CounterAway, Transactions, UnitOfWork
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.events import ClaimDecided, ClaimsClosed


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistClaim:
    """Persists a claim from the log as a coupon: once, and only if it precedes its generation's mark."""

    transactions: Transactions
    counter: ClaimCounter

    def __call__(self, claim: ClaimDecided, /) -> None:
        def persist(unit: UnitOfWork) -> None:
            authority = unit.authorities.lock(claim.template_id)
            if authority.void(claim.generation) or unit.coupons.has(claim.coupon_id):
                return
            coupon = Coupon.claim(
                claim.coupon_id,
                template_id=claim.template_id,
                owner=claim.owner,
                key=claim.idempotency_key,
                terms=unit.templates.get(claim.template_id).terms.coupon,
                now=claim.occurred_at,
            )
            unit.authorities.save(authority.count())
            unit.coupons.add(coupon)

        self.transactions.run(persist)
        try:
            self.counter.persisted(claim)
        except CounterAway:
            # The worker appends waiting claims again, and this is retried then.
            return


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
