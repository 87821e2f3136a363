"""Splits an amount into parts that sum to it, to the cent."""

from collections.abc import Sequence


def allocate(whole: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split `whole` cents in proportion to `weights`; each part is less than a cent away from its exact share.

    Rounds down, then gives the remaining cents one by one to the parts with the largest remainders, the first of
    equals first (Hamilton's method). If all weights are 0 they count as equal. Neither `whole` nor a weight may be
    negative; at least one weight is needed.
    """
    total = sum(weights)
    if total == 0:
        weights, total = [1] * len(weights), len(weights)
    parts = [whole * weight // total for weight in weights]
    remainders = [whole * weight % total for weight in weights]
    by_remainder = sorted(range(len(parts)), key=lambda index: -remainders[index])
    for index in by_remainder[: whole - sum(parts)]:
        parts[index] += 1
    return tuple(parts)


def of_some(whole: int, pieces: int, *, after: int, count: int) -> int:
    """Return the price in cents of `count` pieces that follow the first `after`, when all `pieces` cost `whole` cents.

    However the pieces are divided into such steps, the amounts sum to the whole.
    """
    return sum(allocate(whole, [1] * pieces)[after : after + count])
