"""What every implementation of a port promises: memory, SQLite and MariaDB; memory and Redis."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import pytest
from aether_adapters import redis
from aether_adapters.kernel.clock import SystemClock
from aether_adapters.kernel.errors import Exhausted
from aether_adapters.testing.row_mappings import RowMappingSuite
from aether_adapters.testing.stores import STORES, MigrationsSuite, open_store

from aether_promotion.__main__ import migrations
from aether_promotion.adapters.allowance import LocalAllowance
from aether_promotion.adapters.claim_counter import RedisClaimCounter
from aether_promotion.adapters.events import incoming, outgoing
from aether_promotion.adapters.sql import METADATA, OUTBOX, unit_of_work
from aether_promotion.adapters.stock_counter import RedisStockCounter
from aether_promotion.application.ports import (
    Allowance,
    AlreadyReserved,
    ClaimCounter,
    CounterAway,
    Granted,
    Refused,
    StockCounter,
    Taken,
    Transactions,
    UnitOfWork,
)
from aether_promotion.domain import errors
from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.claim_authority import ClaimAuthority, Decides
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.events import (
    ClaimDecided,
    ClaimsClosed,
    CouponClaimed,
    CouponRedeemed,
    PromotionEvent,
    ReservationReleased,
)
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import (
    AmountOff,
    CouponStatus,
    CouponTerms,
    PercentOff,
    ReservationStatus,
    TemplateStatus,
    Terms,
    Title,
)

from .memory import MemoryAllowance, MemoryTransactions
from .memory_counters import MemoryClaimCounter, MemoryStockCounter

NOW = datetime.now(UTC)
"""The real time, because Redis compares windows with its own clock."""
HOUR = timedelta(hours=1)
IDS = count(2**53)
"""As large as real ids: a float could not hold them."""


@dataclass(frozen=True)
class Store:
    """One implementation, and the events that it published."""

    transactions: Transactions
    published: Callable[[], list[PromotionEvent]]

    def run(self, work: Callable[[UnitOfWork], object]) -> object:
        return self.transactions.run(work)

    def counts(self, activity_id: int) -> tuple[int, int]:
        activity = self.transactions.read(lambda unit: unit.activities.get(activity_id))
        return activity.held, activity.sold


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with open_store(
        request,
        MemoryTransactions(),
        script_location=migrations(),
        unit_of_work=unit_of_work,
        outbox=OUTBOX,
        outgoing=outgoing,
    ) as opened:
        yield Store(opened.transactions, lambda: [incoming(event) for event in opened.events()])


@pytest.fixture
def owner() -> str:
    """A new name for each test, because tests share a store."""
    return f"ada-{uuid4()}"


def coupon_terms(percent: bool = False) -> CouponTerms:
    return CouponTerms(
        title=Title("Ünïcode 🎟 " + "x" * 100),
        benefit=PercentOff(percent=10, cap_cents=500) if percent else AmountOff(amount_cents=1000),
        threshold_cents=10_000,
        valid_from=NOW - HOUR,
        valid_until=NOW + HOUR,
    )


def new_template(percent: bool = False, quota: int = 10, limit: int = 2) -> Template:
    terms = Terms(coupon=coupon_terms(percent), quota=quota, limit_per_user=limit, claims_from=NOW - HOUR)
    return Template(id=next(IDS), terms=terms, created_at=NOW)


def new_coupon(owner: str, template_id: int = 1, key: str = "") -> Coupon:
    number = next(IDS)
    return Coupon.claim(
        number, template_id=template_id, owner=owner, key=key or f"k{number}", terms=coupon_terms(), now=NOW
    )


def new_activity(quantity: int = 10) -> Activity:
    return Activity.plan(
        next(IDS),
        title=Title("Ünïcode 🎟"),
        course_id=3,
        price_cents=100,
        starts_at=NOW - HOUR,
        ends_at=NOW + HOUR,
        quantity=quantity,
    )


def new_reservation(activity_id: int, order_id: int = 0, quantity: int = 1) -> Reservation:
    return Reservation.take(
        order_id=order_id or next(IDS),
        activity_id=activity_id,
        buyer="ada",
        quantity=quantity,
        expires_at=NOW + HOUR,
        now=NOW,
    )


@pytest.mark.parametrize("percent", [False, True])
def test_a_template_comes_back_whole_and_is_saved_over_its_own_version(store: Store, percent: bool) -> None:
    created = new_template(percent)
    stored = store.transactions.run(lambda unit: unit.templates.add(created))
    assert stored == replace(created, version=1)
    published = store.transactions.run(lambda unit: unit.templates.save(stored.publish(version=1)))
    assert store.transactions.read(lambda unit: unit.templates.get(created.id)) == published
    for stale in (created, stored):
        with pytest.raises(errors.TemplateHasChanged):
            store.run(lambda unit, stale=stale: unit.templates.save(stale))  # type: ignore[misc]
    with pytest.raises(errors.TemplateHasChanged):
        store.run(lambda unit: unit.templates.add(created))
    with pytest.raises(errors.TemplateNotFound):
        store.run(lambda unit: unit.templates.get(next(IDS)))


def test_pages_of_templates_know_the_status(store: Store) -> None:
    first = next(IDS)
    made = [store.transactions.run(lambda unit: unit.templates.add(new_template())) for _ in range(3)]
    middle = store.transactions.run(lambda unit: unit.templates.save(made[1].publish(version=1)))

    def page(statuses: tuple[TemplateStatus, ...], limit: int = 9) -> list[Template]:
        def read(unit: UnitOfWork) -> tuple[Template, ...]:
            return unit.templates.page(statuses=statuses, before=None, limit=limit)

        return [one for one in store.transactions.read(read) if one.id > first]

    assert page(tuple(TemplateStatus)) == [made[2], middle, made[0]]
    assert page((TemplateStatus.DRAFT,), 1) == [made[2]]
    assert page((TemplateStatus.PUBLISHED,)) == [middle]

    def before(unit: UnitOfWork) -> tuple[Template, ...]:
        return unit.templates.page(statuses=(TemplateStatus.DRAFT,), before=made[2].id, limit=1)

    assert store.transactions.read(before) == (made[0],)


def test_a_desk_comes_back_whole_and_tells_that_it_closed(store: Store) -> None:
    template = store.transactions.run(lambda unit: unit.templates.add(new_template()))
    authority = ClaimAuthority(template_id=template.id, quota=10, since=NOW)
    store.run(lambda unit: unit.authorities.add(authority))
    assert store.transactions.read(lambda unit: unit.authorities.get(template.id)) == authority
    assert authority not in store.transactions.read(lambda unit: unit.authorities.to_keep(NOW)), (
        "it is a draft"
    )
    opened = authority.count().hand_over("run-1", NOW + HOUR)
    assert store.transactions.run(lambda unit: unit.authorities.save(opened)) == opened
    assert store.transactions.run(lambda unit: unit.authorities.lock(template.id)) == opened
    closed = store.transactions.run(lambda unit: unit.authorities.save(opened.close(NOW)))
    assert closed.events == ()
    assert ClaimsClosed(template_id=template.id, generation=1, occurred_at=NOW) in store.published()
    assert closed in store.transactions.read(lambda unit: unit.authorities.to_keep(NOW + 2 * HOUR))
    with pytest.raises(errors.TemplateNotFound):
        store.run(lambda unit: unit.authorities.lock(next(IDS)))


def test_claim_authorities_of_offered_templates_are_kept(store: Store) -> None:
    template = store.transactions.run(lambda unit: unit.templates.add(new_template()))
    authority = ClaimAuthority(template_id=template.id, quota=10, since=NOW)
    store.run(lambda unit: unit.authorities.add(authority))
    store.run(lambda unit: unit.templates.save(template.publish(version=1)))
    assert authority in store.transactions.read(lambda unit: unit.authorities.to_keep(NOW))
    assert authority not in store.transactions.read(lambda unit: unit.authorities.to_keep(NOW + HOUR))


def test_of_a_stampede_as_many_are_counted_as_there_are(store: Store) -> None:
    authority = ClaimAuthority(template_id=next(IDS), quota=7, since=NOW)
    store.run(lambda unit: unit.authorities.add(authority))
    with ThreadPoolExecutor(8) as pool:
        taken = list(
            pool.map(
                lambda _: store.transactions.run(lambda unit: unit.authorities.take(authority.template_id)),
                range(30),
            )
        )
    assert sorted(one.claimed for one in taken if one.gives) == list(range(7)), (
        "each returns the count that it found"
    )
    assert {one.claimed for one in taken if not one.gives} == {7}
    assert store.transactions.read(lambda unit: unit.authorities.get(authority.template_id)).claimed == 7


def test_sql_counts_nothing_while_it_does_not_decide(store: Store) -> None:
    for authority in (
        ClaimAuthority(template_id=next(IDS), quota=7, since=NOW, decides=Decides.REDIS),
        ClaimAuthority(template_id=next(IDS), quota=7, since=NOW, decides=Decides.NOBODY),
    ):
        store.run(lambda unit, authority=authority: unit.authorities.add(authority))  # type: ignore[misc]
        template_id = authority.template_id
        found = store.run(lambda unit, one=template_id: unit.authorities.take(one))  # type: ignore[misc]
        assert (found, authority.gives) == (authority, False), (
            "the claim authority that refused explains the refusal"
        )
        assert store.transactions.read(lambda unit, one=template_id: unit.authorities.get(one)) == authority  # type: ignore[misc]
    with pytest.raises(errors.TemplateNotFound):
        store.run(lambda unit: unit.authorities.take(next(IDS)))


def test_several_coupons_are_stored_with_their_events_or_none(store: Store, owner: str) -> None:
    one, two = (new_coupon(owner) for _ in range(2))
    store.transactions.run(lambda unit: unit.coupons.add_all([one, two]))
    both = store.transactions.read(
        lambda unit: [unit.coupons.get(each.id, owner=owner) for each in (one, two)]
    )
    assert both == [replace(one, version=1), replace(two, version=1)]
    fresh = new_coupon(owner)
    with pytest.raises(errors.CouponHasChanged):
        store.run(lambda unit: unit.coupons.add_all([fresh, one]))
    known = store.transactions.read(lambda unit: unit.coupons.known([fresh.id, two.id]))
    assert known == {two.id}
    assert store.transactions.read(lambda unit: unit.coupons.known([])) == frozenset()


def test_a_coupon_comes_back_whole_and_is_its_owners_alone(store: Store, owner: str) -> None:
    created = new_coupon(owner)
    stored = store.transactions.run(lambda unit: unit.coupons.add(created))
    assert stored == replace(created, version=1)
    locked = stored.lock(9, until=NOW + HOUR, now=NOW)
    locked = store.transactions.run(lambda unit: unit.coupons.save(locked))
    assert store.transactions.read(lambda unit: unit.coupons.get(created.id, owner=owner)) == locked
    assert store.transactions.run(lambda unit: unit.coupons.hold(created.id, owner=owner)) == locked
    known = store.transactions.read(lambda unit: unit.coupons.known([created.id, next(IDS)]))
    assert known == {created.id}
    for stranger in ("", owner.upper(), f"{owner} ", f" {owner}"):
        with pytest.raises(errors.CouponNotFound):
            store.run(lambda unit, who=stranger: unit.coupons.get(created.id, owner=who))  # type: ignore[misc]
        with pytest.raises(errors.CouponNotFound):
            store.run(lambda unit, who=stranger: unit.coupons.hold(created.id, owner=who))  # type: ignore[misc]
    for stale in (created, stored):
        with pytest.raises(errors.CouponHasChanged):
            store.run(lambda unit, stale=stale: unit.coupons.save(stale))  # type: ignore[misc]
    store.run(lambda unit: unit.coupons.save(locked.redeem(NOW)))
    assert [event for event in store.published() if getattr(event, "coupon_id", None) == created.id] == [
        CouponClaimed(coupon_id=created.id, template_id=1, owner=owner, occurred_at=NOW),
        CouponRedeemed(coupon_id=created.id, template_id=1, owner=owner, order_id=9, occurred_at=NOW),
    ]


def test_one_key_of_one_owner_is_one_coupon(store: Store, owner: str) -> None:
    store.run(lambda unit: unit.coupons.add(new_coupon(owner, key="k")))
    with pytest.raises(errors.CouponHasChanged):
        store.run(lambda unit: unit.coupons.add(new_coupon(owner, key="k")))
    store.run(lambda unit: unit.coupons.add(new_coupon(owner, key="K")))
    store.run(lambda unit: unit.coupons.add(new_coupon(owner, template_id=2, key="k")))


def test_pages_of_coupons_know_owner_and_status_and_what_has_expired(store: Store, owner: str) -> None:
    added = [store.transactions.run(lambda unit: unit.coupons.add(new_coupon(owner))) for _ in range(3)]
    store.run(lambda unit: unit.coupons.add(new_coupon(f"{owner}-somebody-else")))
    locking = added[1].lock(9, until=NOW + HOUR, now=NOW)
    locked = store.transactions.run(lambda unit: unit.coupons.save(locking))

    def page(
        status: CouponStatus | None = None, before: int | None = None, limit: int = 9, now: datetime = NOW
    ) -> list[Coupon]:
        def read(unit: UnitOfWork) -> tuple[Coupon, ...]:
            return unit.coupons.page(owner=owner, status=status, now=now, before=before, limit=limit)

        return list(store.transactions.read(read))

    assert page() == [added[2], locked, added[0]]
    assert page(limit=2) == [added[2], locked]
    assert page(before=added[2].id, limit=1) == [locked]
    assert page(CouponStatus.LOCKED) == [locked]
    assert page(CouponStatus.UNUSED) == [added[2], added[0]]
    assert page(CouponStatus.EXPIRED) == page(CouponStatus.UNUSED, now=NOW + HOUR) == []
    assert page(CouponStatus.EXPIRED, now=NOW + HOUR) == [added[2], added[0]]


def test_coupons_are_found_by_template_order_and_lock(store: Store, owner: str) -> None:
    template_id, order_id = next(IDS), next(IDS)
    mine = store.transactions.run(lambda unit: unit.coupons.add(new_coupon(owner, template_id)))
    other = store.transactions.run(lambda unit: unit.coupons.add(new_coupon(f"{owner}2", template_id)))
    locking = mine.lock(order_id, until=NOW + timedelta(minutes=1), now=NOW)
    mine = store.transactions.run(lambda unit: unit.coupons.save(locking))

    def read(unit: UnitOfWork) -> tuple[object, ...]:
        coupons = unit.coupons
        return (
            coupons.claimed(template_id, owner=owner),
            coupons.claims(template_id, after=0, limit=1),
            coupons.claims(template_id, after=mine.id, limit=9),
            coupons.of_order(order_id),
            [one for one in coupons.overdue(NOW + timedelta(minutes=1), limit=99) if one.owner == owner],
            [one for one in coupons.overdue(NOW, limit=99) if one.owner == owner],
        )

    assert store.transactions.read(read) == ((mine,), (mine,), (other,), (mine,), [mine], [])


def test_what_was_never_used_expires_and_nothing_else(store: Store, owner: str) -> None:
    unused, locked = (
        store.transactions.run(lambda unit: unit.coupons.add(new_coupon(owner))) for _ in range(2)
    )
    locking = locked.lock(9, until=NOW + HOUR, now=NOW)
    locked = store.transactions.run(lambda unit: unit.coupons.save(locking))
    assert not store.run(lambda unit: unit.coupons.expire(NOW, limit=1000))
    assert store.run(lambda unit: unit.coupons.expire(NOW + HOUR, limit=1000))
    expired = replace(unused, status=CouponStatus.EXPIRED, version=2)
    found = store.transactions.read(lambda unit: unit.coupons.claimed(1, owner=owner))
    assert found == (expired, locked)


def test_a_sale_comes_back_whole_and_an_operator_does_not_touch_its_counts(store: Store) -> None:
    created = new_activity()
    stored = store.transactions.run(lambda unit: unit.activities.add(created))
    assert stored == replace(created, version=1)
    store.run(lambda unit: unit.reservations.take(new_reservation(created.id, quantity=3), NOW))
    closed = stored.close(version=1, now=NOW)
    store.run(lambda unit: unit.activities.save(closed))
    found = store.transactions.read(lambda unit: unit.activities.get(created.id))
    assert found == replace(closed, version=2, held=3)
    with pytest.raises(errors.ActivityHasChanged):
        store.run(lambda unit: unit.activities.save(stored))
    page = store.transactions.read(lambda unit: unit.activities.page(before=created.id + 1, limit=1))
    assert page == (found,)
    assert found in store.transactions.read(lambda unit: unit.activities.to_keep(NOW - HOUR))
    assert found not in store.transactions.read(lambda unit: unit.activities.to_keep(NOW))


def test_seats_are_taken_once_and_settled_once(store: Store) -> None:
    activity = store.transactions.run(lambda unit: unit.activities.add(new_activity(quantity=3)))
    wanted = new_reservation(activity.id, quantity=2)
    assert store.transactions.run(lambda unit: unit.reservations.take(wanted, NOW)) == wanted
    with pytest.raises(errors.StockGone):
        store.run(lambda unit: unit.reservations.take(new_reservation(activity.id, quantity=2), NOW))
    with pytest.raises(AlreadyReserved):
        store.run(lambda unit: unit.reservations.take(replace(wanted, quantity=1), NOW))
    for moment, refused in ((NOW - 2 * HOUR, errors.ActivityNotStarted), (NOW + HOUR, errors.ActivityOver)):
        with pytest.raises(refused):
            store.run(lambda unit, at=moment: unit.reservations.take(new_reservation(activity.id), at))  # type: ignore[misc]
    assert store.counts(activity.id) == (2, 0)

    def read(unit: UnitOfWork) -> tuple[object, ...]:
        overdue = unit.reservations.overdue(NOW + HOUR, limit=999)
        return (
            unit.reservations.get(wanted.order_id, activity.id),
            unit.reservations.of_order(wanted.order_id),
            unit.reservations.held(activity.id),
            wanted in overdue,
            wanted in unit.reservations.overdue(NOW, limit=999),
        )

    assert store.transactions.run(read) == (wanted, (wanted,), (wanted,), True, False)
    released = wanted.release(NOW)
    assert store.run(lambda unit: unit.reservations.settle(released)) is True
    assert store.run(lambda unit: unit.reservations.settle(released)) is False
    assert store.run(lambda unit: unit.reservations.settle(wanted.confirm())) is False
    assert store.counts(activity.id) == (0, 0)
    published = [event for event in store.published() if isinstance(event, ReservationReleased)]
    assert [event for event in published if event.order_id == wanted.order_id] == [
        ReservationReleased(order_id=wanted.order_id, activity_id=activity.id, quantity=2, occurred_at=NOW)
    ]
    sold = new_reservation(activity.id)
    store.run(lambda unit: unit.reservations.take(sold, NOW))
    assert store.run(lambda unit: unit.reservations.settle(sold.confirm())) is True
    assert store.counts(activity.id) == (0, 1)
    kept = store.transactions.run(lambda unit: unit.reservations.get(sold.order_id, activity.id))
    assert kept == replace(sold, status=ReservationStatus.CONFIRMED)


def test_of_a_stampede_as_many_get_seats_as_there_are_and_each_order_once(store: Store) -> None:
    activity = store.transactions.run(lambda unit: unit.activities.add(new_activity(quantity=5)))
    orders = [next(IDS) for _ in range(10)]

    def take(order_id: int) -> bool:
        wanted = new_reservation(activity.id, order_id)
        try:
            store.run(lambda unit: unit.reservations.take(wanted, NOW))
        except (errors.StockGone, AlreadyReserved):
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, orders * 3))
    assert taken.count(True) == 5
    assert store.counts(activity.id) == (5, 0)


def test_work_that_raises_leaves_nothing_behind(store: Store, owner: str) -> None:
    created = new_coupon(owner)

    def fail(unit: UnitOfWork) -> None:
        unit.coupons.add(created)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transactions.run(fail)
    assert not store.transactions.read(lambda unit: unit.coupons.known([created.id]))
    assert created.id not in [getattr(event, "coupon_id", None) for event in store.published()]


class TestMigrations(MigrationsSuite):
    script_location = migrations()
    metadata = METADATA


class TestRowMappings(RowMappingSuite):
    package = "aether_promotion.adapters"


@pytest.fixture(params=["memory", "redis"])
def claims(request: pytest.FixtureRequest) -> ClaimCounter:
    if request.param == "memory":
        return MemoryClaimCounter(SystemClock())
    return RedisClaimCounter(redis.connect(request.getfixturevalue("redis_url")))


def warm(claims: ClaimCounter, template: Template, earlier: tuple[Coupon, ...] = ()) -> ClaimAuthority:
    authority = ClaimAuthority(
        template_id=template.id, quota=template.terms.quota, since=NOW, claimed=len(earlier)
    )
    authority = authority.hand_over(claims.server(), NOW)
    assert claims.open(authority, template, earlier, whole=True)
    return authority


@pytest.mark.suite("claim counter")
def test_a_counter_decides_nothing_until_it_has_the_whole_generation(
    claims: ClaimCounter, owner: str
) -> None:
    template = new_template()
    assert claims.claim(template.id, owner, "k1", 1) is Refused.COLD
    authority = ClaimAuthority(template_id=template.id, quota=10, since=NOW, claimed=2).hand_over(
        claims.server(), NOW
    )
    earlier = [new_coupon(owner, template.id, key) for key in ("k1", "k2")]
    assert claims.open(authority, template, earlier[:1], whole=False)
    assert claims.generation(template.id) is None
    assert claims.claim(template.id, owner, "k1", 1) is Refused.COLD
    assert claims.open(authority, template, earlier[1:], whole=True)
    assert claims.generation(template.id) == 1
    for coupon in earlier:
        granted = Granted(coupon_id=coupon.id, generation=1, waiting=False)
        assert claims.claim(template.id, owner, coupon.key, next(IDS)) == granted
    assert claims.claim(template.id, owner, "k3", next(IDS)) is Refused.LIMIT


@pytest.mark.suite("claim counter")
def test_a_counter_gives_one_coupon_for_one_key_and_remembers_what_waits(
    claims: ClaimCounter, owner: str
) -> None:
    template = new_template()
    warm(claims, template)
    coupon_id = next(IDS)
    granted = Granted(coupon_id=coupon_id, generation=1, waiting=True)
    assert claims.claim(template.id, owner, "k1", coupon_id) == granted
    assert claims.claim(template.id, owner, "k1", next(IDS)) == granted
    (waiting,) = claims.waiting(template.id, seconds=0)
    assert waiting == ClaimDecided(
        coupon_id=coupon_id,
        template_id=template.id,
        generation=1,
        owner=owner,
        idempotency_key="k1",
        occurred_at=waiting.occurred_at,
    )
    assert abs(waiting.occurred_at - datetime.now(UTC)) < timedelta(seconds=5)
    assert claims.waiting(template.id, seconds=60) == ()
    claims.persisted(template.id, [waiting])
    assert claims.waiting(template.id, seconds=0) == ()
    assert claims.claim(template.id, owner, "k1", next(IDS)) == replace(granted, waiting=False)


@pytest.mark.suite("claim counter")
def test_a_counter_holds_to_quota_and_limit_in_a_stampede(claims: ClaimCounter) -> None:
    template = new_template(quota=20, limit=2)
    warm(claims, template)

    def claim(number: int) -> tuple[int, Granted | Refused]:
        user = number % 15
        return user, claims.claim(template.id, f"u{user}", f"k{number % 60}", next(IDS))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(claim, range(240)))
    granted = {(user, one.coupon_id) for user, one in answers if isinstance(one, Granted)}
    assert len(granted) == 20
    assert max([user for user, _ in granted].count(user) for user in range(15)) <= 2
    assert {one for _, one in answers if not isinstance(one, Granted)} <= {Refused.QUOTA, Refused.LIMIT}


@pytest.mark.suite("claim counter")
@pytest.mark.parametrize(
    ("claims_from", "valid_until", "refused"),
    [(NOW + HOUR, NOW + 2 * HOUR, Refused.EARLY), (NOW - HOUR, NOW - HOUR / 2, Refused.OVER)],
)
def test_a_counter_holds_to_the_window(
    claims: ClaimCounter, claims_from: datetime, valid_until: datetime, refused: Refused
) -> None:
    template = new_template()
    coupon = replace(template.terms.coupon, valid_until=valid_until)
    template = replace(template, terms=replace(template.terms, coupon=coupon, claims_from=claims_from))
    warm(claims, template)
    assert claims.claim(template.id, "ada", "k1", 1) is refused


@pytest.mark.suite("claim counter")
def test_a_later_generation_takes_the_place_of_an_earlier_one_and_never_the_other_way(
    claims: ClaimCounter,
) -> None:
    template = new_template(quota=1)
    first = warm(claims, template)
    assert not claims.open(first, template, (), whole=True), "it is open already"
    claims.claim(template.id, "ada", "k1", 1)
    second = first.close(NOW).settle(1, NOW).hand_over(claims.server(), NOW)
    assert claims.open(second, template, (), whole=True)
    assert claims.waiting(template.id, seconds=0) == ()
    assert not claims.open(first, template, (), whole=True)
    granted = claims.claim(template.id, "bob", "k1", 2)
    assert granted == Granted(coupon_id=2, generation=2, waiting=True)
    claims.forget(template.id, 1)
    assert claims.generation(template.id) == 2
    claims.forget(template.id, 2)
    assert claims.claim(template.id, "bob", "k1", 2) is Refused.COLD


@pytest.mark.suite("claim counter")
def test_a_desk_of_another_server_is_cold(claims: ClaimCounter) -> None:
    template = new_template()
    authority = ClaimAuthority(template_id=template.id, quota=10, since=NOW).hand_over("f" * 40, NOW)
    claims.open(authority, template, (), whole=True)
    assert claims.claim(template.id, "ada", "k1", 1) is Refused.COLD


@pytest.fixture(params=["memory", "redis"])
def stock(request: pytest.FixtureRequest) -> StockCounter:
    if request.param == "memory":
        return MemoryStockCounter(SystemClock())
    return RedisStockCounter(redis.connect(request.getfixturevalue("redis_url")))


@pytest.mark.suite("stock counter")
def test_a_stock_counter_counts_on_from_what_was_loaded(stock: StockCounter) -> None:
    activity = replace(new_activity(quantity=5), held=2, sold=1)
    held = new_reservation(activity.id, quantity=2)
    assert stock.take(activity.id, 1, 1) is Taken.COLD
    assert (stock.left(activity.id), stock.holders(activity.id)) == (None, 0)
    stock.load(activity, (held,))
    assert (stock.left(activity.id), stock.holders(activity.id)) == (2, 1)
    assert stock.take(activity.id, held.order_id, 2) is Taken.AGAIN
    assert stock.take(activity.id, 1, 3) is Taken.GONE
    assert [stock.take(activity.id, 1, 2), stock.take(activity.id, 1, 2)] == [Taken.NEW, Taken.AGAIN]
    assert stock.take(activity.id, 2, 1) is Taken.GONE
    assert stock.holders(activity.id) == 2
    for _ in range(2):
        stock.give_back(activity.id, 1)
        assert (stock.left(activity.id), stock.holders(activity.id)) == (2, 1)
    stock.confirmed(activity.id, held.order_id)
    assert stock.holders(activity.id) == 0
    stock.give_back(activity.id, held.order_id)
    assert stock.left(activity.id) == 2, "what is sold is not given back"
    stock.load(replace(activity, held=0, sold=5), ())
    assert stock.left(activity.id) == 0


@pytest.mark.suite("stock counter")
def test_a_stock_counter_holds_to_the_window(stock: StockCounter) -> None:
    early = replace(new_activity(), starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    over = replace(new_activity(), ends_at=NOW - HOUR / 2)
    stock.load(early, ())
    stock.load(over, ())
    assert stock.take(early.id, 1, 1) is Taken.EARLY
    assert stock.take(over.id, 1, 1) is Taken.OVER


@pytest.mark.suite("stock counter")
def test_a_stock_counter_gives_no_more_than_there_is_in_a_stampede(stock: StockCounter) -> None:
    activity = new_activity(quantity=50)
    stock.load(activity, ())
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda order: stock.take(activity.id, order % 100, 1), range(200)))
    assert taken.count(Taken.NEW) == 50
    assert stock.left(activity.id) == 0


def test_a_redis_that_is_away_is_said_in_the_words_of_the_port() -> None:
    client = redis.connect("redis://127.0.0.1:1/0")
    for ask in (
        lambda: RedisClaimCounter(client).claim(1, "ada", "k1", 1),
        lambda: RedisClaimCounter(client).server(),
        lambda: RedisStockCounter(client).take(1, 1, 1),
        lambda: RedisStockCounter(client).left(1),
        lambda: RedisStockCounter(client).holders(1),
    ):
        with pytest.raises(CounterAway):
            ask()


@pytest.mark.suite("allowance")
@pytest.mark.parametrize(
    "allowance", [MemoryAllowance(burst=3), LocalAllowance(rate=0.001, burst=3)], ids=["memory", "local"]
)
def test_an_allowance_ends(allowance: Allowance) -> None:
    for _ in range(3):
        allowance.take()
    with pytest.raises(Exhausted) as refused:
        allowance.take()
    assert refused.value.retry_after is not None and refused.value.retry_after > 0
