"""Claims, on memory adapters: who decides, what a confirmation means, and what a crash at any point leaves behind."""

from datetime import timedelta

import pytest
from aether_adapters.kernel.errors import Exhausted, Unavailable
from hypothesis import given, settings
from hypothesis import strategies as st

from aether.common.v1.types import Caller
from aether.promotion.v1 import types
from aether_promotion.application.ports import CounterAway, Granted
from aether_promotion.domain import errors
from aether_promotion.domain.claim_authority import Decides
from aether_promotion.domain.events import ClaimDecided, ClaimsClosed, CouponClaimed

from .conftest import ADA, BOB, OPERATOR, World, make_world


def test_sql_decides_until_redis_is_warm(world: World) -> None:
    template = world.template()
    first = world.claim(template.id)
    assert world.coupons() == [first]
    world.keep_claim_authorities()
    assert world.authority(template.id).decides is Decides.REDIS
    second = world.claim(template.id, key="k2")
    assert world.coupons() == [first], "the database gets it later"
    world.work()
    assert world.coupons() == [first, second]
    assert world.authority(template.id).claimed == 2
    claimed = [event for event in world.transactions.outbox if isinstance(event, CouponClaimed)]
    assert [event.coupon_id for event in claimed] == [first, second]


@pytest.mark.parametrize("warm", [False, True])
def test_the_same_key_gets_the_same_coupon_and_another_key_another(world: World, warm: bool) -> None:
    template = world.template()
    if warm:
        world.keep_claim_authorities()
    first = world.claim(template.id)
    assert world.claim(template.id) == first
    world.work()
    assert world.claim(template.id) == first
    second = world.claim(template.id, key="k2")
    assert second != first
    with pytest.raises(errors.ClaimLimitReached):
        world.claim(template.id, key="k3")
    assert world.claim(template.id, BOB) not in (first, second)
    world.work()
    assert world.authority(template.id).claimed == 3


@pytest.mark.parametrize("warm", [False, True])
def test_no_more_than_the_quota_is_claimed(world: World, warm: bool) -> None:
    template = world.template(quota=3)
    if warm:
        world.keep_claim_authorities()
    for number in range(3):
        world.claim(template.id, Caller(subject=f"u{number}", session=""))
    with pytest.raises(errors.QuotaExhausted):
        world.claim(template.id)
    world.work()
    assert world.authority(template.id).claimed == 3


@pytest.mark.parametrize("warm", [False, True])
def test_claims_have_a_window(world: World, warm: bool) -> None:
    template = world.template()
    if warm:
        world.keep_claim_authorities()
    world.clock.forward(timedelta(days=-1))
    with pytest.raises(errors.ClaimsNotYetOpen):
        world.claim(template.id)
    world.clock.forward(timedelta(days=2))
    with pytest.raises(errors.ClaimsOver):
        world.claim(template.id)


def test_a_template_that_is_missing_unpublished_or_withdrawn_cannot_be_claimed(world: World) -> None:
    draft = world.template(publish=False)
    for template_id in (draft.id, 999):
        with pytest.raises(errors.TemplateNotFound):
            world.claim(template_id)
    template = world.template()
    world.keep_claim_authorities()
    request = types.WithdrawTemplateRequest(caller=OPERATOR, id=template.id, version=2)
    claimed = world.claim(template.id)
    assert world.service.withdraw_template(request).status is types.TemplateStatus.WITHDRAWN
    for caller in (ADA, BOB):
        with pytest.raises(errors.ClaimsArePaused):
            world.claim(template.id, caller)
    world.work()
    assert [world.claim(template.id)] == world.coupons() == [claimed]
    with pytest.raises(errors.TemplateNotPublished):
        world.claim(template.id, BOB)
    world.keep_claim_authorities()
    assert world.authority(template.id).decides is Decides.SQL


@pytest.mark.parametrize("key", ["", "x" * 65, "a b", "a=b", "é"])
def test_a_malformed_key_is_refused(world: World, key: str) -> None:
    with pytest.raises(errors.IdempotencyKeyNotUsable):
        world.claim(world.template().id, key=key)


def test_without_the_log_no_claim_is_confirmed_and_the_decision_is_appended_later(world: World) -> None:
    template = world.template()
    world.keep_claim_authorities()
    world.log.broken = Unavailable("Kafka is away.")
    with pytest.raises(Unavailable):
        world.claim(template.id)
    world.log.broken = None
    world.keep_claim_authorities()
    assert world.log.events == [], "the claimant may still retry"
    world.clock.forward(timedelta(seconds=11))
    world.keep_claim_authorities()
    world.work()
    (coupon,) = world.coupons()
    assert world.claim(template.id) == coupon
    assert world.authority(template.id).claimed == 1


@pytest.mark.parametrize("forget", [False, True])
def test_a_restarted_redis_decides_nothing_until_all_claims_are_counted(world: World, forget: bool) -> None:
    template = world.template(quota=2)
    world.keep_claim_authorities()
    first = world.claim(template.id)
    world.claims.restart(forget=forget)
    with pytest.raises(errors.ClaimsArePaused):
        world.claim(template.id, BOB)
    world.clock.forward(timedelta(seconds=6))
    world.keep_claim_authorities()
    assert world.authority(template.id).decides is Decides.NOBODY
    world.work()
    world.keep_claim_authorities()
    assert world.authority(template.id).generation == 2
    assert world.claim(template.id) == first
    world.claim(template.id, BOB)
    with pytest.raises(errors.QuotaExhausted):
        world.claim(template.id, Caller(subject="eve", session=""))


def test_while_redis_is_down_sql_decides_at_a_limited_rate_once_all_claims_are_counted(world: World) -> None:
    template = world.template(quota=3, limit=1)
    world.keep_claim_authorities()
    world.claim(template.id)
    world.claims.away = True
    with pytest.raises(errors.ClaimsArePaused):
        world.claim(template.id, BOB)
    world.keep_claim_authorities()
    world.work()
    assert world.authority(template.id).decides is Decides.SQL
    world.claim(template.id, BOB)
    with pytest.raises(errors.ClaimLimitReached):
        world.claim(template.id, key="k2")
    world.allowance.left = 0
    with pytest.raises(Exhausted):
        world.claim(template.id, Caller(subject="eve", session=""))
    world.claims.away = False
    world.keep_claim_authorities()
    assert world.authority(template.id).decides is Decides.REDIS
    world.claim(template.id, Caller(subject="eve", session=""))
    world.work()
    assert world.authority(template.id).claimed == 3


def test_a_claim_behind_the_mark_is_not_confirmed_and_becomes_no_coupon(world: World) -> None:
    template = world.template()
    world.keep_claim_authorities()
    claimed = world.claim(template.id)
    (late,) = world.log.events
    world.log.events.clear()
    world.claims.away = True
    world.keep_claim_authorities()
    world.work()
    assert isinstance(late, ClaimDecided)
    world.persist_claims([late])
    assert world.coupons() == []
    assert world.authority(template.id).claimed == 0
    assert claimed == late.coupon_id


def test_decisions_of_a_redis_that_returns_with_an_ended_generation_are_void(world: World) -> None:
    template = world.template()
    world.keep_claim_authorities()
    world.claims.away = True
    world.keep_claim_authorities()
    world.relay()
    world.claims.away = False
    with pytest.raises(errors.ClaimsArePaused):
        world.claim(template.id)
    world.work()
    assert world.coupons() == []
    assert world.claim(template.id) == world.coupons()[0]


def test_an_ended_template_leaves_nothing_open(world: World) -> None:
    template = world.template()
    world.keep_claim_authorities()
    world.clock.forward(timedelta(days=1))
    world.keep_claim_authorities()
    assert world.authority(template.id).decides is Decides.NOBODY
    assert isinstance(world.transactions.outbox[-1], ClaimsClosed)
    world.work()
    world.keep_claim_authorities()
    assert world.authority(template.id).decides is Decides.SQL


STEPS = st.sampled_from(
    [
        "claim",
        "claim",
        "claim",
        "die deciding",
        "stall",
        "wake",
        "relay",
        "work",
        "keep",
        "keep",
        "later",
        "redis goes or comes",
        "redis goes or comes",
        "restart",
        "forget",
        "kafka goes or comes",
    ]
)


@settings(max_examples=250)
@given(steps=st.lists(st.tuples(STEPS, st.integers(0, 5)), min_size=30, max_size=60))
def test_whatever_crashes_a_confirmed_claim_is_a_coupon_and_the_quota_holds(
    steps: list[tuple[str, int]],
) -> None:
    world = make_world()
    template = world.template(quota=4, limit=2)
    granted: dict[tuple[str, str], int] = {}

    def claim(user: int, key: str) -> None:
        caller = Caller(subject=f"u{user}", session="")
        try:
            coupon_id = world.claim(template.id, caller, key)
        except (errors.ClaimsArePaused, Unavailable, errors.QuotaExhausted, errors.ClaimLimitReached):
            return
        assert granted.setdefault((caller.subject, key), coupon_id) == coupon_id

    def decide(user: int, key: str) -> list[ClaimDecided]:
        """Decide in Redis and crash. Return the claims that the process would have appended to the log."""
        try:
            decision = world.claims.claim(template.id, f"u{user}", key, 1000 + sum(ids))
        except CounterAway:
            return []
        ids.append(1)
        if not isinstance(decision, Granted) or not decision.waiting:
            return []
        decided = ClaimDecided(
            coupon_id=decision.coupon_id,
            template_id=template.id,
            generation=decision.generation,
            owner=f"u{user}",
            idempotency_key=key,
            occurred_at=world.clock.now(),
        )
        return [decided]

    stalled: list[ClaimDecided] = []
    ids = [0]
    for step, number in steps:
        match step:
            case "claim":
                claim(number % 3, f"k{number}")
            case "die deciding":
                decide(number % 3, f"k{number}")
            case "stall":
                stalled.extend(decide(number % 3, f"k{number}"))
            case "wake":
                world.log.events.extend(stalled)
                stalled.clear()
            case "relay":
                world.relay()
            case "work":
                world.work()
            case "keep":
                try:
                    world.keep_claim_authorities()
                except Unavailable:
                    continue
            case "later":
                world.clock.forward(timedelta(seconds=number * 3))
            case "redis goes or comes":
                world.claims.away = not world.claims.away
            case "restart" | "forget":
                world.claims.restart(forget=step == "forget")
            case _:
                world.log.broken = None if world.log.broken else Unavailable("Kafka is away.")
    world.claims.away, world.log.broken = False, None
    for _ in range(4):
        world.clock.forward(timedelta(seconds=11))
        world.keep_claim_authorities()
        world.work()
    kept = [coupon for user in range(3) for coupon in world.coupons(Caller(subject=f"u{user}", session=""))]
    assert set(granted.values()) <= set(kept), "a confirmed claim was lost"
    assert len(kept) <= 4 and world.authority(template.id).claimed == len(kept)
    assert all(len(world.coupons(Caller(subject=f"u{user}", session=""))) <= 2 for user in range(3))
    for user in range(3, 8):
        claim(user, "last")
    assert world.authority(template.id).claimed <= 4
    world.work()
    assert world.authority(template.id).claimed == 4, "some of the quota was lost"


def test_a_batch_of_claims_is_persisted_once_whatever_it_repeats(world: World) -> None:
    """Two templates, one claim twice in the batch, and the whole batch a second time."""
    first, second = world.template(), world.template()
    world.keep_claim_authorities()
    claimed = [world.claim(template.id, key=key) for template in (first, second) for key in ("k1", "k2")]
    claims = [event for event in world.log.events if isinstance(event, ClaimDecided)]
    assert len(claims) == 4
    for _ in range(2):
        world.persist_claims([*claims, claims[0]])
    assert world.coupons() == sorted(claimed)
    assert [world.authority(template.id).claimed for template in (first, second)] == [2, 2]
    assert all(world.claims.waiting(template.id, seconds=0) == () for template in (first, second))
