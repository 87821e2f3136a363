"""The rule by which a row is called broken."""

import random

import pytest

from tests.bench.spread import CONFIDENCE, Spread

BOUND = 1.0


def test_a_median_is_below_a_bound_only_if_its_whole_spread_is() -> None:
    noisy = Spread.of([0.7, 0.8, 0.9, 0.95, 0.98, 1.2, 1.3])
    steady = Spread.of([0.93, 0.94, 0.95, 0.95, 0.95, 0.96, 0.97])
    assert (noisy.median, steady.median) == (0.95, 0.95)
    assert not noisy.below(BOUND)
    assert steady.below(BOUND)


def test_one_round_that_the_machine_disturbed_does_not_save_a_row_of_many() -> None:
    rounds = [0.9 + number / 1000 for number in range(14)]
    assert Spread.of([*rounds, 3.0]).below(BOUND)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(1, 1, 1), (5, 1, 5), (6, 1, 6), (8, 1, 8), (9, 2, 8), (15, 4, 12), (75, 29, 47)],
)
def test_the_spread_is_between_the_right_ranks(count: int, low: int, high: int) -> None:
    """The last is also that of the normal approximation, 75/2 - 0.98 √75 and 75/2 + 0.98 √75 + 1."""
    rounds = [float(rank) for rank in range(1, count + 1)]
    random.Random(8).shuffle(rounds)
    spread = Spread.of(rounds)
    assert (spread.low, spread.high) == (low, high)


@pytest.mark.parametrize("count", [6, 9, 15])
def test_the_spread_contains_the_true_median_as_often_as_it_says(count: int) -> None:
    chance, runs = random.Random(count), 4000
    spreads = [Spread.of([chance.lognormvariate(0, 0.3) for _ in range(count)]) for _ in range(runs)]
    contained = sum(each.low <= 1.0 <= each.high for each in spreads)
    assert contained / runs > CONFIDENCE - 0.01


def test_rounds_that_do_not_vary_have_no_spread() -> None:
    assert Spread.of([1.5] * 9) == Spread(1.5, 1.5, 1.5)
