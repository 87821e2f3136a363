"""Prices: every sum is exact, and no combination of the offered coupons is better."""

from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether_promotion.domain import errors
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.pricing import Item, allocate, best_price
from aether_promotion.domain.values import AmountOff, Benefit, CouponTerms, PercentOff, Title

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def coupon(coupon_id: int, benefit: Benefit, threshold: int = 0, days: int = 1) -> Coupon:
    terms = CouponTerms(
        title=Title("A coupon"),
        benefit=benefit,
        threshold_cents=threshold,
        valid_from=NOON,
        valid_until=NOON + timedelta(days=days),
    )
    return Coupon.claim(coupon_id, template_id=1, owner="ada", key=str(coupon_id), terms=terms, now=NOON)


AMOUNTS = st.integers(0, 1_000_000)
ITEMS = st.lists(
    st.builds(Item, course_id=st.integers(1, 9), quantity=st.integers(1, 50), price_cents=AMOUNTS),
    max_size=8,
)
BENEFITS = st.one_of(
    st.builds(AmountOff, amount_cents=st.integers(1, 2_000_000)),
    st.builds(PercentOff, percent=st.integers(1, 100), cap_cents=st.integers(1, 2_000_000)),
)


@given(weights=st.lists(AMOUNTS, max_size=20), part=st.fractions(0, 1))
def test_what_is_allocated_adds_up_to_the_cent_and_no_part_is_above_its_weight(
    weights: list[int], part: float
) -> None:
    amount = int(sum(weights) * part)
    shares = allocate(amount, weights)
    assert sum(shares) == amount
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))
    for share, weight in zip(shares, weights, strict=True):
        assert sum(weights) == 0 or abs(share - amount * weight / sum(weights)) < 1


@given(items=ITEMS, benefits=st.lists(BENEFITS, max_size=5))
def test_every_sum_of_a_price_is_exact(items: list[Item], benefits: list[Benefit]) -> None:
    priced = best_price(items, [coupon(n, one) for n, one in enumerate(benefits, 1)], NOON)
    assert priced.total_cents == sum(item.total_cents for item in items)
    assert priced.total_cents - priced.discount_cents == priced.payable_cents
    assert [line.item for line in priced.lines] == items
    assert all(0 <= line.discount_cents <= line.item.total_cents for line in priced.lines)
    assert all(line.payable_cents >= 0 for line in priced.lines)


@given(items=ITEMS, benefits=st.lists(BENEFITS, max_size=5))
def test_no_allowed_choice_of_the_coupons_in_any_order_is_better(
    items: list[Item], benefits: list[Benefit]
) -> None:
    coupons = [coupon(n, one) for n, one in enumerate(benefits, 1)]
    total = sum(item.total_cents for item in items)
    priced = best_price(items, coupons, NOON)
    allowed = [
        order
        for size in range(3)
        for chosen in combinations(coupons, size)
        if len({type(one.terms.benefit) for one in chosen}) == size
        for order in permutations(chosen)
    ]
    for order in allowed:
        left = total
        for one in order:
            left -= one.terms.benefit.off(left)
        assert priced.payable_cents <= left


def test_an_amount_comes_off_what_the_percentage_leaves() -> None:
    items = [Item(course_id=1, quantity=2, price_cents=5000)]
    priced = best_price(
        items,
        [coupon(1, AmountOff(amount_cents=1000)), coupon(2, PercentOff(percent=10, cap_cents=5000))],
        NOON,
    )
    assert (priced.total_cents, priced.discount_cents, priced.payable_cents) == (10_000, 2000, 8000)
    assert [one.id for one in priced.coupons] == [2, 1]


def test_a_coupon_that_adds_nothing_is_not_spent_and_of_equals_the_one_that_ends_first_is() -> None:
    items = [Item(course_id=1, quantity=1, price_cents=500)]
    late, early = coupon(1, AmountOff(amount_cents=500), days=9), coupon(2, AmountOff(amount_cents=900))
    free = coupon(3, PercentOff(percent=100, cap_cents=500), days=5)
    assert best_price(items, [late, early, free], NOON).coupons == (early,)
    assert best_price([], [late], NOON).coupons == ()


def test_a_coupon_that_cannot_be_used_is_an_error() -> None:
    items = [Item(course_id=1, quantity=1, price_cents=500)]
    with pytest.raises(errors.CouponBelowThreshold) as refused:
        best_price(items, [coupon(1, AmountOff(amount_cents=1), threshold=501)], NOON)
    assert (refused.value.threshold_cents, refused.value.total_cents) == (501, 500)
    with pytest.raises(errors.CouponExpired):
        best_price(items, [coupon(1, AmountOff(amount_cents=1))], NOON + timedelta(days=1))
