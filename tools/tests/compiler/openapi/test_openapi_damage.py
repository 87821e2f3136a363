"""Contracts damaged at random: each is refused with places, or compiled, and the compiler never breaks."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aether_tools.compiler.compilation import compile_rest_edge
from aether_tools.finding import ContractError

KITCHEN = yaml.safe_load(
    (Path(__file__).with_name("kitchen") / "openapi" / "kitchen.yaml").read_text(encoding="utf-8")
)
GONE = object()
DAMAGE: list[Any] = [
    GONE, None, [], {}, 1, -1.5, "x", True, [1], ["x"], [[]], {"a": "b"},
    {"$ref": "#/components/schemas/Plain"}, {"$ref": 5},
]  # fmt: skip


def locations(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value of a document."""
    if above:
        yield above
    for step in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield from locations(node[step], (*above, step))


def damaged(chance: random.Random) -> Any:
    """The kitchen contract with one value gone or replaced."""
    document = copy.deepcopy(KITCHEN)
    *above, last = chance.choice(list(locations(KITCHEN)))
    parent = document
    for step in above:
        parent = parent[step]
    damage = chance.choice(DAMAGE)
    if damage is GONE:
        del parent[last]
    else:
        parent[last] = damage
    return document


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_contract_is_refused_or_compiled(kitchen: Any, seed: int) -> None:
    text = yaml.safe_dump(damaged(random.Random(seed)), sort_keys=False)
    try:
        files = kitchen.compile(text)
    except ContractError as refused:
        assert refused.findings
        assert all(finding.location.line and finding.reason and finding.fix for finding in refused.findings)
    else:
        compile(files["kitchen.py"], "kitchen.py", "exec")


@pytest.mark.parametrize("text", ["", "[]", "x", "&a [*a]", "openapi: &a {b: *a}", "\x00", "openapi: 3.0.3"])
def test_what_is_hardly_a_contract_is_refused(kitchen: Any, text: str) -> None:
    findings = kitchen.refusals(text)
    assert findings
    assert all(finding.location.line for finding in findings)


def test_what_is_no_utf_8_is_refused(kitchen: Any) -> None:
    path = kitchen.root / "openapi" / "kitchen.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"openapi: 3.0.3\ninfo: \xff\n")
    with pytest.raises(ContractError, match="contract-encoding"):
        compile_rest_edge(kitchen.contracts, kitchen.package, path, kitchen.root)
