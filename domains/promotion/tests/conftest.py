"""The service on memory adapters, as the container puts it together on real ones."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from aether_adapters.testing.memory import MemoryClock, MemoryIds

from aether.common.v1.types import Caller
from aether.promotion.v1 import port, types
from aether_promotion.application.claim_coupon import ClaimCoupon
from aether_promotion.application.close_activity import CloseActivity
from aether_promotion.application.create_activity import CreateActivity
from aether_promotion.application.create_template import CreateTemplate
from aether_promotion.application.get_activity import GetActivity
from aether_promotion.application.get_coupon import GetCoupon
from aether_promotion.application.get_template import GetTemplate
from aether_promotion.application.keep_claim_authorities import KeepClaimAuthorities
from aether_promotion.application.keep_stock import KeepStock
from aether_promotion.application.list_activities import ListActivities
from aether_promotion.application.list_coupons import ListCoupons
from aether_promotion.application.list_templates import ListTemplates
from aether_promotion.application.lock_coupons import LockCoupons
from aether_promotion.application.persist_claim import PersistClaims, SettleClaims
from aether_promotion.application.publish_template import PublishTemplate
from aether_promotion.application.published_terms import PublishedTerms
from aether_promotion.application.quote import Quote
from aether_promotion.application.reconcile_orders import ReconcileOrders
from aether_promotion.application.reserve import Reserve
from aether_promotion.application.settle_order import Confirm, RedeemCoupons, Release, ReleaseCoupons
from aether_promotion.application.withdraw_template import WithdrawTemplate
from aether_promotion.domain.claim_authority import ClaimAuthority
from aether_promotion.domain.events import ClaimsClosed

from .memory import MemoryAllowance, MemoryClaimLog, MemoryOrders, MemoryTransactions
from .memory_counters import MemoryClaimCounter, MemoryStockCounter

OPERATOR = Caller(subject="olga", roles=("operator",), session="")
ADA = Caller(subject="ada", session="")
BOB = Caller(subject="bob", session="")


@dataclass(frozen=True)
class World:
    """The whole service on memory adapters, with what a test controls."""

    service: port.PromotionService
    transactions: MemoryTransactions
    claims: MemoryClaimCounter
    stock: MemoryStockCounter
    log: MemoryClaimLog
    orders: MemoryOrders
    allowance: MemoryAllowance
    clock: MemoryClock
    keep_claim_authorities: KeepClaimAuthorities
    keep_stock: KeepStock
    persist_claims: PersistClaims
    settle_claims: SettleClaims
    reconcile_orders: ReconcileOrders

    def template(self, *, quota: int = 10, limit: int = 2, publish: bool = True) -> types.Template:
        """A template that takes 10 off an order of 100, in force for a day."""
        now = self.clock.now()
        terms = types.Terms(
            title="Ten off a hundred",
            benefit=types.Benefit(kind=types.AmountOff(amount_cents=1000)),
            threshold_cents=10_000,
            quota=quota,
            limit_per_user=limit,
            claims_from=now,
            valid_from=now,
            valid_until=now + timedelta(days=1),
        )
        draft = self.service.create_template(types.CreateTemplateRequest(caller=OPERATOR, terms=terms))
        if not publish:
            return draft
        return self.service.publish_template(
            types.PublishTemplateRequest(caller=OPERATOR, id=draft.id, version=1)
        )

    def claim(self, template_id: int, caller: Caller = ADA, key: str = "k1") -> int:
        request = types.ClaimCouponRequest(caller=caller, template_id=template_id, idempotency_key=key)
        return self.service.claim_coupon(request).coupon_id

    def coupons(self, caller: Caller = ADA) -> list[int]:
        request = types.ListCouponsRequest(caller=caller, page_size=100, page_token="")
        return sorted(coupon.id for coupon in self.service.list_coupons(request).coupons)

    def authority(self, template_id: int) -> ClaimAuthority:
        return self.transactions.read(lambda unit: unit.authorities.get(template_id))

    def relay(self) -> None:
        """Move marks from the outbox to the end of the log; relaying again repeats them there."""
        marks = [event for event in self.transactions.outbox if isinstance(event, ClaimsClosed)]
        self.log.events.extend(marks)

    def work(self) -> None:
        """Handle the log in order, as the worker does."""
        self.relay()
        events, self.log.events[:] = list(self.log.events), []
        for event in events:
            if isinstance(event, ClaimsClosed):
                self.settle_claims(event)
            else:
                self.persist_claims([event])

    def activity(self, quantity: int = 10) -> types.Activity:
        """A sale that runs for a day."""
        now = self.clock.now()
        request = types.CreateActivityRequest(
            caller=OPERATOR,
            title="A sale",
            course_id=3,
            price_cents=500,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            quantity=quantity,
        )
        return self.service.create_activity(request)

    def reserve(self, activity_id: int, order_id: int, quantity: int = 1) -> types.Reservation:
        request = types.ReserveRequest(
            order_id=order_id,
            buyer="ada",
            activity_id=activity_id,
            quantity=quantity,
            expires_at=self.clock.now() + timedelta(minutes=1),
        )
        return self.service.reserve(request)

    def counts(self, activity_id: int) -> tuple[int, int]:
        """Seats held and sold, as SQL counts them."""
        shown = self.service.get_activity(types.GetActivityRequest(caller=ADA, id=activity_id))
        return shown.held, shown.sold


@pytest.fixture
def world() -> World:
    return make_world()


def make_world() -> World:
    transactions, clock, ids = MemoryTransactions(), MemoryClock(), MemoryIds()
    claims, stock = MemoryClaimCounter(clock), MemoryStockCounter(clock)
    log, orders, allowance = MemoryClaimLog(), MemoryOrders(), MemoryAllowance(burst=100)
    confirm = Confirm(transactions=transactions, counter=stock)
    release = Release(transactions=transactions, counter=stock, clock=clock)
    redeem = RedeemCoupons(transactions=transactions, clock=clock)
    release_coupons = ReleaseCoupons(transactions=transactions)
    return World(
        service=port.PromotionService(
            create_template=CreateTemplate(transactions=transactions, clock=clock, ids=ids),
            get_template=GetTemplate(transactions=transactions),
            list_templates=ListTemplates(transactions=transactions),
            publish_template=PublishTemplate(transactions=transactions),
            withdraw_template=WithdrawTemplate(transactions=transactions, counter=claims, clock=clock),
            claim_coupon=ClaimCoupon(
                transactions=transactions,
                terms=PublishedTerms(transactions=transactions),
                counter=claims,
                log=log,
                allowance=allowance,
                clock=clock,
                ids=ids,
            ),
            get_coupon=GetCoupon(transactions=transactions, clock=clock),
            list_coupons=ListCoupons(transactions=transactions, clock=clock),
            create_activity=CreateActivity(transactions=transactions, ids=ids),
            get_activity=GetActivity(transactions=transactions),
            list_activities=ListActivities(transactions=transactions),
            close_activity=CloseActivity(transactions=transactions, clock=clock),
            quote=Quote(transactions=transactions, clock=clock),
            reserve=Reserve(transactions=transactions, counter=stock, allowance=allowance, clock=clock),
            confirm=confirm,
            release=release,
            lock_coupons=LockCoupons(transactions=transactions, clock=clock),
            redeem_coupons=redeem,
            release_coupons=release_coupons,
        ),
        transactions=transactions,
        claims=claims,
        stock=stock,
        log=log,
        orders=orders,
        allowance=allowance,
        clock=clock,
        keep_claim_authorities=KeepClaimAuthorities(
            transactions=transactions, counter=claims, log=log, clock=clock
        ),
        keep_stock=KeepStock(transactions=transactions, counter=stock, clock=clock),
        persist_claims=PersistClaims(transactions=transactions, counter=claims),
        settle_claims=SettleClaims(transactions=transactions, clock=clock),
        reconcile_orders=ReconcileOrders(
            transactions=transactions,
            orders=orders,
            confirm=confirm,
            release=release,
            redeem=redeem,
            release_coupons=release_coupons,
            clock=clock,
        ),
    )
