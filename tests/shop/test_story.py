"""A sale that did not sell every seat, or whose books disagree, is reported: the demo then exits with 1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.shop.story import Story

RIGHT_SALE = Story(
    seats=10,
    buyers=50,
    outcomes={"granted": 10, "stock-gone": 40},
    standing_orders=10,
    seats_held=3,
    seats_sold=7,
    paid_cents=6930,
    received_cents=6930,
)


def test_a_sale_that_sold_each_seat_once_is_right() -> None:
    assert RIGHT_SALE.wrong() == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            replace(RIGHT_SALE, outcomes={"granted": 11, "stock-gone": 39}),
            "orders of the rush: expected 10, found 11",
        ),
        (replace(RIGHT_SALE, standing_orders=9), "orders that stand: expected 10, found 9"),
        (replace(RIGHT_SALE, seats_sold=8), "seats sold or held: expected 10, found 11"),
        (
            replace(RIGHT_SALE, received_cents=6929),
            "cents that the provider received: expected 6930, found 6929",
        ),
        (
            replace(RIGHT_SALE, discrepancies=["trade, order 7: one cent too many"]),
            "trade, order 7: one cent too many",
        ),
    ],
)
def test_what_is_wrong_is_said(changed: Story, sentence: str) -> None:
    assert changed.wrong() == [sentence]
