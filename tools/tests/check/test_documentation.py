"""Every code a check can give stands in docs/checks.md, and nothing else does."""

from __future__ import annotations

import re
from pathlib import Path

import aether_tools.check

REPOSITORY = Path(__file__).parents[3]


def test_the_documented_codes_are_those_of_the_checks() -> None:
    documented = re.findall(r"^\| `([a-z-]+)` \|", (REPOSITORY / "docs/checks.md").read_text(), re.MULTILINE)
    sources = Path(str(aether_tools.check.__file__)).parent.glob("*.py")
    given = {
        code
        for source in sources
        for code in re.findall(
            r'"((?:import|use-case|container|contract|domain|python)-[a-z-]+)"', source.read_text()
        )
    }
    assert sorted(documented) == sorted(given)
