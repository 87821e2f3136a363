"""Documents with junk anywhere are compared or refused, never a crash, and none differs from itself."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aether_tools.finding import ContractError

from .conftest import Compare

SHOP = Path(__file__).parents[3] / "openapi/trade.yaml"
JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, "", "x", [], {}, [None], [{}], {"a": None}, "#/components/schemas/None", "9" * 30,
    {"$ref": "#/"}, {"$ref": "#"}, {"$ref": 1}, {"$ref": "#/paths"}, {"allOf": [{"$ref": "#/components/schemas/Order"}]},
)  # fmt: skip


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of each value below one, as keys and indexes."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*place, key)
        yield from places(child, (*place, key))


def spoil(document: Any, rng: random.Random) -> Any:
    """Return a copy with up to three values replaced or removed."""
    spoilt = copy.deepcopy(document)
    for _ in range(rng.randint(0, 3)):
        *above, last = rng.choice(list(places(spoilt)))
        owner = spoilt
        for key in above:
            owner = owner[key]
        if isinstance(owner, dict) and rng.random() < 0.2:
            del owner[last]
        else:
            owner[last] = copy.deepcopy(rng.choice(JUNK))
    return spoilt


@pytest.mark.prove
@pytest.mark.parametrize("seed", (2, 3, 5, 6, 7))
def test_junk_is_compared_or_refused(compare: Compare, seed: int) -> None:
    rng = random.Random(seed)
    document = yaml.load(SHOP.read_text(encoding="utf-8"), yaml.BaseLoader)
    beside = {"common.yaml": SHOP.with_name("common.yaml").read_text(encoding="utf-8")}
    compared = 0
    for _ in range(20):
        old, new = json.dumps(spoil(document, rng)), json.dumps(spoil(document, rng))
        try:
            compare(old, new, **beside)
            assert compare(old, old, **beside) == ()
            compared += 1
        except ContractError as refused:
            assert refused.findings
    assert compared
