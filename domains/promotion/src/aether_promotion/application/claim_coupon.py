import re
from dataclasses import dataclass
from typing import Final

from aether.promotion.v1 import port, types
from aether_promotion.application.ports import (
    Allowance,
    ClaimCounter,
    ClaimLog,
    Clock,
    CounterAway,
    Granted,
    Ids,
    Refused,
    Transactions,
    UnitOfWork,
)
from aether_promotion.application.published_terms import PublishedTerms
from aether_promotion.domain.claim_authority import Decides
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.errors import (
    ClaimLimitReached,
    ClaimsArePaused,
    ClaimsNotYetOpen,
    ClaimsOver,
    IdempotencyKeyNotUsable,
    QuotaExhausted,
    TemplateNotFound,
)
from aether_promotion.domain.events import ClaimDecided

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCoupon(port.ClaimCoupon):
    """Claims a coupon. A claim is confirmed only once no crash can undo it (docs/adr/0010).

    Redis decides, and the decision is appended to the log. If its generation is still open after that, it precedes
    the mark that ends the generation, so the worker will persist it. If Redis cannot decide, SQL does, at a limited
    rate. After no answer or a 5xx the outcome is unknown: the same key then returns the same coupon.
    """

    transactions: Transactions
    terms: PublishedTerms
    counter: ClaimCounter
    log: ClaimLog
    allowance: Allowance
    clock: Clock
    ids: Ids

    def __call__(self, request: types.ClaimCouponRequest, /) -> types.Claim:
        if not _KEY.fullmatch(request.idempotency_key):
            raise IdempotencyKeyNotUsable
        template_id, owner, key = request.template_id, request.caller.subject, request.idempotency_key
        coupon_id = self.ids.next()
        try:
            decision = self.counter.claim(template_id, owner, key, coupon_id)
        except CounterAway:
            decision = Refused.COLD
        match decision:
            case Granted(waiting=True):
                coupon_id = decision.coupon_id
                self._confirm(decision, template_id, owner, key)
            case Granted():
                coupon_id = decision.coupon_id
            case Refused.COLD:
                coupon_id = self._claim_in_sql(template_id, owner, key, coupon_id)
            case refused:
                raise self._reason(refused, template_id)
        return types.Claim(coupon_id=coupon_id, template_id=template_id)

    def _confirm(self, decision: Granted, template_id: int, owner: str, key: str) -> None:
        decided = ClaimDecided(
            coupon_id=decision.coupon_id,
            template_id=template_id,
            generation=decision.generation,
            owner=owner,
            idempotency_key=key,
            occurred_at=self.clock.now(),
        )
        self.log.append(decided)
        # Check after the append: if the generation is open now, the log had no mark of it then.
        authority = self.transactions.read(lambda unit: unit.authorities.get(template_id))
        if not authority.accepts(decision.generation):
            self._forget(template_id, decision.generation)
            raise ClaimsArePaused(template_id)

    def _forget(self, template_id: int, generation: int) -> None:
        try:
            self.counter.forget(template_id, generation)
        except CounterAway:
            return  # the next claim of this generation tries again

    def _claim_in_sql(self, template_id: int, owner: str, key: str, coupon_id: int) -> int:
        self.allowance.take()
        now = self.clock.now()

        def claim(unit: UnitOfWork) -> int:
            # First: its lock serializes claims of one owner, and a refusal is explained by this read alone.
            authority = unit.authorities.take(template_id)
            template = unit.templates.get(template_id)
            claimed = unit.coupons.claimed(template_id, owner=owner)
            earlier = [coupon.id for coupon in claimed if coupon.key == key]
            if earlier:
                raise _ClaimedBefore(earlier[0])
            if not template.visible(to_operator=False):
                raise TemplateNotFound(template_id)
            if authority.decides is not Decides.SQL:
                # Before any other refusal: an earlier request with this key may not be persisted yet.
                raise ClaimsArePaused(template_id)
            template.open_to_claims(now)
            if not authority.gives:
                raise QuotaExhausted(template_id)
            if len(claimed) >= template.terms.limit_per_user:
                raise ClaimLimitReached(template_id, template.terms.limit_per_user)
            coupon = Coupon.claim(
                coupon_id,
                template_id=template_id,
                owner=owner,
                key=key,
                terms=template.terms.coupon,
                now=now,
            )
            return unit.coupons.add(coupon).id

        try:
            return self.transactions.run(claim)
        except _ClaimedBefore as before:
            return before.coupon_id

    def _reason(self, refused: Refused, template_id: int) -> Exception:
        terms = self.terms(template_id)
        match refused:
            case Refused.QUOTA:
                return QuotaExhausted(template_id)
            case Refused.LIMIT:
                return ClaimLimitReached(template_id, terms.limit_per_user)
            case Refused.EARLY:
                return ClaimsNotYetOpen(template_id, terms.claims_from)
            case _:
                return ClaimsOver(template_id, terms.coupon.valid_until)


class _ClaimedBefore(Exception):
    """Rolls back the unit of work, which has counted a claim."""

    def __init__(self, coupon_id: int) -> None:
        super().__init__(coupon_id)
        self.coupon_id = coupon_id
