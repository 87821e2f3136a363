"""How an amount falls on parts so that the parts sum to the whole, to the cent."""

from collections.abc import Sequence


def allocate(whole: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`whole` cents in parts proportional to `weights`, each less than a cent away from its exact share.

    What rounding down leaves goes, a cent each, to the parts that lost most by it, the first of equals first
    (Hamilton's method of largest remainders). Where all weights are 0 they count as equal. Neither `whole` nor a
    weight is negative; there is at least one weight.
    """
    total = sum(weights)
    if total == 0:
        weights, total = [1] * len(weights), len(weights)
    parts = [whole * weight // total for weight in weights]
    lost = [whole * weight % total for weight in weights]
    by_loss = sorted(range(len(parts)), key=lambda at: -lost[at])
    for at in by_loss[: whole - sum(parts)]:
        parts[at] += 1
    return tuple(parts)


def of_some(whole: int, pieces: int, *, after: int, count: int) -> int:
    """What `count` of `pieces` equal pieces cost, of which the first `after` are gone, when all cost `whole` cents.

    Whatever the steps in which the pieces go, their amounts sum to the whole.
    """
    return sum(allocate(whole, [1] * pieces)[after : after + count])
