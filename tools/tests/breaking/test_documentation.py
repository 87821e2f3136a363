"""docs/checks.md lists exactly the changes that a comparison tells apart, with their severities."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from textwrap import dedent

from aether_tools.breaking.accept import accepted
from aether_tools.breaking.proto_rules import EVENTS
from aether_tools.breaking.rules import RULES

from .test_shop import BREAKS, HARMLESS

PAGE = Path(__file__).parents[3] / "docs/checks.md"
ROW = re.compile(r"^\| `((?:api|event)-[a-z-]+)` \| (breaking|risky|safe) \| (.+) \|$", re.MULTILINE)


def test_the_page_lists_every_change_with_its_severity_and_definition() -> None:
    listed = {
        code: (severity, what) for code, severity, what in ROW.findall(PAGE.read_text(encoding="utf-8"))
    }
    events = {code: listed.pop(code)[0] for code in EVENTS}
    assert set(events.values()) == {"breaking"}
    assert listed == {code: (rule.severity.value, rule.what) for code, rule in RULES.items()}


def test_the_entry_of_the_page_is_one_that_the_check_accepts(tmp_path: Path) -> None:
    lines = PAGE.read_text(encoding="utf-8").split("\n")
    start = lines.index("    [[tool.aether.check.accept]]")
    entry = "\n".join(takewhile(str.strip, lines[start:]))
    (tmp_path / "pyproject.toml").write_text(dedent(entry), encoding="utf-8")
    (shown,) = accepted(tmp_path)
    assert (shown.code, shown.location.line) == ("api-request-limit-tightened", 1)


def test_the_page_says_how_much_of_the_shop_was_tried() -> None:
    found = re.search(r"Of (\d+) realistic changes .*; (\d+) harmless ones", PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert (int(found[1]), int(found[2])) == (len(BREAKS), len(HARMLESS))
