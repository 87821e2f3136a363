"""The domain's rules, on plain objects."""

from datetime import UTC, datetime, timedelta

import pytest

from aether_promotion.domain import errors
from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.claim_authority import ClaimAuthority, Decides
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.events import ClaimsClosed, CouponClaimed, CouponRedeemed, ReservationReleased
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import (
    TITLE_LIMIT_CHARACTERS,
    AmountOff,
    CouponStatus,
    CouponTerms,
    PercentOff,
    ReservationStatus,
    TemplateStatus,
    Terms,
    Title,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TERMS = CouponTerms(
    title=Title("Ten off a hundred"),
    benefit=AmountOff(amount_cents=1000),
    threshold_cents=10_000,
    valid_from=NOON,
    valid_until=NOON + DAY,
)


def coupon() -> Coupon:
    return Coupon.claim(7, template_id=1, owner="ada", key="k1", terms=TERMS, now=NOON).stored()


def template() -> Template:
    terms = Terms.of(TERMS, quota=10, limit_per_user=2, claims_from=NOON)
    return Template(id=1, terms=terms, created_at=NOON).stored()


def activity() -> Activity:
    return Activity.plan(
        5,
        title=Title("Noon"),
        course_id=3,
        price_cents=100,
        starts_at=NOON,
        ends_at=NOON + DAY,
        quantity=10,
    ).stored()


def reservation() -> Reservation:
    return Reservation.take(
        order_id=9, activity_id=5, buyer="ada", quantity=2, expires_at=NOON + DAY, now=NOON
    )


@pytest.mark.parametrize("text", ["", " \t", "x" * (TITLE_LIMIT_CHARACTERS + 1)])
def test_a_title_is_neither_blank_nor_too_long(text: str) -> None:
    with pytest.raises(errors.TitleNotUsable) as refused:
        Title.of(text)
    assert (refused.value.length, refused.value.limit) == (len(text.strip()), TITLE_LIMIT_CHARACTERS)


@pytest.mark.parametrize("character", ["\x07", "\t", "\u2028", "\u202e", "\u2066"])
def test_a_title_shows_all_its_characters(character: str) -> None:
    with pytest.raises(errors.TitleNotReadable) as refused:
        Title.of(f"First {character}one")
    assert refused.value.character == f"U+{ord(character):04X}"


@pytest.mark.parametrize(("percent", "cap"), [(0, 1), (101, 1), (50, 0)])
def test_a_percentage_is_from_1_to_100_and_has_a_cap(percent: int, cap: int) -> None:
    with pytest.raises(errors.AmountNotUsable):
        PercentOff.of(percent, cap)


def test_a_benefit_never_takes_off_more_than_there_is() -> None:
    assert AmountOff.of(1000).off(999) == 999
    assert AmountOff.of(1000).off(5000) == 1000
    assert PercentOff.of(100, 10_000).off(999) == 999
    assert PercentOff.of(10, 10_000).off(999) == 99
    assert PercentOff.of(10, 50).off(999) == 50


def test_terms_that_end_before_they_begin_are_refused() -> None:
    with pytest.raises(errors.WindowNotUsable) as refused:
        Terms.of(TERMS, quota=1, limit_per_user=1, claims_from=NOON + DAY)
    assert refused.value.field == "claimsFrom"


def test_a_template_is_published_once_and_withdrawn_once() -> None:
    published = template().publish(version=1).stored()
    assert (published.status, published.version) == (TemplateStatus.PUBLISHED, 2)
    with pytest.raises(errors.TemplateNotDraft):
        published.publish(version=2)
    with pytest.raises(errors.TemplateHasChanged):
        published.withdraw(version=1)
    withdrawn = published.withdraw(version=2).stored()
    assert withdrawn.status is TemplateStatus.WITHDRAWN
    with pytest.raises(errors.TemplateNotPublished):
        withdrawn.withdraw(version=3)


def test_a_template_can_be_claimed_from_only_in_its_window() -> None:
    draft = template()
    with pytest.raises(errors.TemplateNotPublished):
        draft.open_to_claims(NOON)
    published = draft.publish(version=1)
    published.open_to_claims(NOON)
    with pytest.raises(errors.ClaimsNotYetOpen):
        published.open_to_claims(NOON - timedelta(microseconds=1))
    with pytest.raises(errors.ClaimsOver):
        published.open_to_claims(NOON + DAY)


def test_a_claim_authority_moves_from_sql_to_redis_and_back_through_the_mark_in_the_log() -> None:
    authority = ClaimAuthority(template_id=1, quota=10, since=NOON, claimed=3)
    assert (authority.decides, authority.left) == (Decides.SQL, 7)
    open_ = authority.hand_over("r1", NOON)
    assert (open_.generation, open_.server, open_.accepts(1), open_.void(1)) == (1, "r1", True, False)
    closed = open_.close(NOON)
    assert closed.events == (ClaimsClosed(template_id=1, generation=1, occurred_at=NOON),)
    assert (closed.accepts(1), closed.void(1)) == (False, False), "claims before the mark still count"
    settled = closed.stored().count().settle(1, NOON)
    assert (settled.decides, settled.claimed, settled.void(1)) == (Decides.SQL, 4, True)
    assert settled.hand_over("r2", NOON).void(1), "a claim of an older generation is void"


def test_only_its_own_mark_settles_a_claim_authority() -> None:
    authority = ClaimAuthority(template_id=1, quota=10, since=NOON).hand_over("r1", NOON).close(NOON).stored()
    again = authority.settle(1, NOON).hand_over("r2", NOON).close(NOON).stored()
    assert again.settle(1, NOON) == again
    assert again.close(NOON) == again
    assert again.settle(2, NOON).decides is Decides.SQL
    with pytest.raises(ValueError):
        again.hand_over("r3", NOON)


def test_a_coupon_is_locked_for_one_order_and_used_by_it() -> None:
    claimed = Coupon.claim(7, template_id=1, owner="ada", key="k1", terms=TERMS, now=NOON)
    assert claimed.events == (CouponClaimed(coupon_id=7, template_id=1, owner="ada", occurred_at=NOON),)
    locked = coupon().lock(9, until=NOON + DAY, now=NOON)
    assert (locked.status, locked.order_id) == (CouponStatus.LOCKED, 9)
    assert locked.lock(9, until=NOON + DAY, now=NOON) is locked
    with pytest.raises(errors.CouponLocked) as taken:
        locked.lock(10, until=NOON + DAY, now=NOON)
    assert (taken.value.coupon_id, taken.value.order_id) == (7, 9)
    used = locked.redeem(NOON)
    assert (used.status, used.order_id, used.locked_until) == (CouponStatus.USED, 9, None)
    assert used.events == (
        CouponRedeemed(coupon_id=7, template_id=1, owner="ada", order_id=9, occurred_at=NOON),
    )
    with pytest.raises(errors.CouponAlreadyUsed):
        used.lock(10, until=NOON + DAY, now=NOON)
    assert used.redeem(NOON) is used
    assert used.release() is used, "a used coupon stays used"


def test_a_coupon_that_is_released_is_as_it_was() -> None:
    assert coupon().lock(9, until=NOON + DAY, now=NOON).release() == coupon()
    assert coupon().release() == coupon()


def test_a_coupon_is_good_only_in_its_time_but_a_locked_one_is_kept_for_its_order() -> None:
    with pytest.raises(errors.CouponNotYetValid):
        coupon().usable(NOON - timedelta(seconds=1))
    with pytest.raises(errors.CouponExpired):
        coupon().usable(NOON + DAY)
    assert coupon().status_at(NOON + DAY) is CouponStatus.EXPIRED
    locked = coupon().lock(9, until=NOON + 2 * DAY, now=NOON)
    assert locked.status_at(NOON + DAY) is CouponStatus.LOCKED
    assert locked.redeem(NOON + DAY).status is CouponStatus.USED


def test_a_lock_that_is_over_before_it_begins_is_refused() -> None:
    with pytest.raises(errors.ReservationTooLate):
        coupon().lock(9, until=NOON, now=NOON)


def test_a_sale_is_planned_within_bounds_and_closed_early_by_who_saw_it() -> None:
    planned = activity()
    planned.running(NOON)
    with pytest.raises(errors.ActivityNotStarted):
        planned.running(NOON - DAY)
    with pytest.raises(errors.ActivityHasChanged):
        planned.close(version=2, now=NOON)
    closed = planned.close(version=1, now=NOON + timedelta(hours=1))
    with pytest.raises(errors.ActivityOver):
        closed.running(NOON + timedelta(hours=1))
    with pytest.raises(errors.ActivityOver):
        closed.close(version=1, now=NOON + timedelta(hours=1))
    early = planned.close(version=1, now=NOON - DAY)
    assert early.starts_at == early.ends_at == NOON - DAY


def test_a_reservation_is_settled_once() -> None:
    held = reservation()
    confirmed = held.confirm()
    assert confirmed.status is ReservationStatus.CONFIRMED
    assert confirmed.confirm() is confirmed
    assert confirmed.release(NOON) is confirmed, "a confirmed reservation stays with its order"
    released = held.release(NOON)
    assert released.events == (ReservationReleased(order_id=9, activity_id=5, quantity=2, occurred_at=NOON),)
    assert released.release(NOON) is released
    with pytest.raises(errors.ReservationGone):
        released.confirm()


def test_a_repeated_request_gets_the_same_reservation_and_nothing_else() -> None:
    held = reservation()
    assert held.asked_again(reservation()) is held
    more = Reservation.take(
        order_id=9, activity_id=5, buyer="ada", quantity=3, expires_at=NOON + DAY, now=NOON
    )
    with pytest.raises(errors.ReservationDiffers):
        held.asked_again(more)
    with pytest.raises(errors.ReservationGone):
        held.release(NOON).asked_again(reservation())
