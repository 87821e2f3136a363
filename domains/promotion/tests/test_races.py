"""Refusals on a real database while somebody changes the reason between two statements of the request."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from aether_adapters import sql
from aether_adapters.testing.interleave import meanwhile
from aether_adapters.testing.memory import MemoryClock, MemoryIds
from sqlalchemy import Engine

from aether.common.v1.types import Caller
from aether.promotion.v1 import types
from aether_promotion.__main__ import migrations
from aether_promotion.adapters.sql import unit_of_work
from aether_promotion.adapters.tables import ACTIVITIES
from aether_promotion.application.claim_coupon import ClaimCoupon
from aether_promotion.application.lock_coupons import LockCoupons
from aether_promotion.application.ports import Transactions, UnitOfWork
from aether_promotion.application.published_terms import PublishedTerms
from aether_promotion.application.settle_order import RedeemCoupons, ReleaseCoupons
from aether_promotion.domain.claim_authority import ClaimAuthority, Decides
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.errors import ClaimsArePaused, QuotaExhausted
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import CouponStatus

from .memory import MemoryAllowance, MemoryClaimLog
from .memory_counters import MemoryClaimCounter
from .test_ports import HOUR, IDS, NOW, new_activity, new_coupon, new_reservation, new_template

pytestmark = [pytest.mark.suite("races"), pytest.mark.implementation("mariadb")]


@pytest.fixture(scope="module")
def engine(mysql_url: str) -> Iterator[Engine]:
    sql.migrate(mysql_url, migrations())
    engine = sql.connect(mysql_url)
    yield engine
    engine.dispose()


@pytest.fixture
def transactions(engine: Engine) -> Transactions:
    return sql.Transactions(engine, unit_of_work)


def offer(transactions: Transactions, **authority: object) -> Template:
    """Store a published template with this claim authority."""
    template = new_template(quota=7, limit=1)

    def store(unit: UnitOfWork) -> Template:
        unit.authorities.add(ClaimAuthority(template_id=template.id, quota=7, since=NOW, **authority))  # type: ignore[arg-type]
        return unit.templates.save(unit.templates.add(template).publish(version=1))

    return transactions.run(store)


def claim(transactions: Transactions, template_id: int) -> Callable[[], int]:
    """Claim a coupon while Redis has no data."""
    clock = MemoryClock(NOW)
    claim_coupon = ClaimCoupon(
        transactions=transactions,
        terms=PublishedTerms(transactions=transactions),
        counter=MemoryClaimCounter(clock),
        log=MemoryClaimLog(),
        allowance=MemoryAllowance(burst=1),
        clock=clock,
        ids=MemoryIds(),
    )
    request = types.ClaimCouponRequest(
        caller=Caller(subject="ada", session=""), template_id=template_id, idempotency_key=f"k{next(IDS)}"
    )
    return lambda: claim_coupon(request).coupon_id


def switch(
    transactions: Transactions, template_id: int, change: Callable[[ClaimAuthority], ClaimAuthority]
) -> Callable[[], object]:
    """Change the claim authority in a separate transaction, as the worker does."""
    return lambda: transactions.run(
        lambda unit: unit.authorities.save(change(unit.authorities.lock(template_id)))
    )


@pytest.mark.parametrize("decides", [Decides.REDIS, Decides.NOBODY])
@pytest.mark.parametrize("before", ["FROM templates", "FROM coupons"])
def test_a_claim_refused_while_sql_does_not_decide_never_says_that_the_quota_is_used_up(
    engine: Engine, transactions: Transactions, decides: Decides, before: str
) -> None:
    template = offer(transactions, generation=1, decides=decides)
    to_sql = switch(transactions, template.id, lambda authority: authority.close(NOW).settle(1, NOW))
    with meanwhile(engine, to_sql, before=before), pytest.raises(ClaimsArePaused):
        claim(transactions, template.id)()
    authority = transactions.read(lambda unit: unit.authorities.get(template.id))
    assert (authority.decides, authority.claimed) == (Decides.SQL, 0)


@pytest.mark.parametrize("before", ["FROM templates", "FROM coupons"])
def test_a_claim_refused_because_the_quota_is_used_up_says_so_though_redis_decides_a_moment_later(
    engine: Engine, transactions: Transactions, before: str
) -> None:
    template = offer(transactions, claimed=7)
    to_redis = switch(transactions, template.id, lambda authority: authority.hand_over("run-1", NOW))
    with meanwhile(engine, to_redis, before=before), pytest.raises(QuotaExhausted):
        claim(transactions, template.id)()


def test_a_claim_that_finds_sql_deciding_waits_for_a_switch_to_redis_and_is_refused_as_paused(
    engine: Engine, transactions: Transactions
) -> None:
    template = offer(transactions)
    to_redis = switch(transactions, template.id, lambda authority: authority.hand_over("run-1", NOW))
    with meanwhile(engine, to_redis, before="FOR UPDATE"), pytest.raises(ClaimsArePaused):
        claim(transactions, template.id)()
    assert transactions.read(lambda unit: unit.authorities.get(template.id)).claimed == 0


@pytest.fixture
def rows_unlocked_after_a_refusal(engine: Engine) -> Iterator[None]:
    """Leave only one index: whether an update that matches no row keeps a lock depends on the index that is used."""
    (index,) = (each for each in ACTIVITIES.indexes if each.name == "ix_activities_ends_at")
    index.drop(engine)
    yield
    index.create(engine)


@pytest.mark.usefixtures("rows_unlocked_after_a_refusal")
def test_seats_that_come_back_while_a_refusal_is_explained_are_sold(
    engine: Engine, transactions: Transactions
) -> None:
    activity = transactions.run(lambda unit: unit.activities.add(new_activity(quantity=1)))
    holder, wanted = new_reservation(activity.id), new_reservation(activity.id)
    transactions.run(lambda unit: unit.reservations.take(holder, NOW))

    def give_back() -> None:
        transactions.run(lambda unit: unit.reservations.settle(holder.release(NOW)))

    with meanwhile(engine, give_back, before="FROM activities"):
        assert transactions.run(lambda unit: unit.reservations.take(wanted, NOW)) == wanted
    found = transactions.read(lambda unit: unit.activities.get(activity.id))
    assert (found.held, found.sold) == (1, 0)


def add_coupon(transactions: Transactions, owner: str) -> Coupon:
    return transactions.run(lambda unit: unit.coupons.add(new_coupon(owner)))


def touch(transactions: Transactions, coupon: Coupon, order_id: int) -> Callable[[], None]:
    """Lock the coupon for another order and release it."""

    def lock_and_release() -> None:
        def lock(unit: UnitOfWork) -> None:
            found = unit.coupons.hold(coupon.id, owner=coupon.owner)
            if found.status is CouponStatus.UNUSED:
                unit.coupons.save(
                    unit.coupons.save(found.lock(order_id, until=NOW + HOUR, now=NOW)).release()
                )

        transactions.run(lock)

    return lock_and_release


def test_a_coupon_that_others_lock_and_release_again_and_again_is_locked_in_the_end(
    engine: Engine, transactions: Transactions
) -> None:
    coupon, order_id = add_coupon(transactions, f"ada-{next(IDS)}"), next(IDS)
    lock = LockCoupons(transactions=transactions, clock=MemoryClock(NOW))
    request = types.LockCouponsRequest(
        order_id=order_id, buyer=coupon.owner, coupon_ids=(coupon.id,), expires_at=NOW + HOUR
    )
    with meanwhile(engine, touch(transactions, coupon, next(IDS)), before="UPDATE coupons", times=2):
        lock(request)
    found = transactions.read(lambda unit: unit.coupons.get(coupon.id, owner=coupon.owner))
    assert (found.status, found.order_id) == (CouponStatus.LOCKED, order_id)


@pytest.mark.parametrize("paid", [True, False])
def test_of_two_who_settle_an_orders_coupons_at_once_neither_is_refused(
    engine: Engine, transactions: Transactions, paid: bool
) -> None:
    coupon, order_id = add_coupon(transactions, f"ada-{next(IDS)}"), next(IDS)
    locked = coupon.lock(order_id, until=NOW + HOUR, now=NOW)
    transactions.run(lambda unit: unit.coupons.save(locked))

    def settle() -> None:
        if paid:
            redeem = RedeemCoupons(transactions=transactions, clock=MemoryClock(NOW + timedelta(minutes=1)))
            redeem(types.RedeemCouponsRequest(order_id=order_id))
        else:
            ReleaseCoupons(transactions=transactions)(types.ReleaseCouponsRequest(order_id=order_id))

    with meanwhile(engine, settle, before="UPDATE coupons"):
        settle()
    found = transactions.read(lambda unit: unit.coupons.get(coupon.id, owner=coupon.owner))
    assert found.status is (CouponStatus.USED if paid else CouponStatus.UNUSED)
    assert found.version == 3, "it was settled twice"
