"""Summaries at the end of a run: skipped tests by reason, and outcomes of contract suites by implementation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

IMPLEMENTATIONS: Final = ("memory", "embedded", "sqlite", "mariadb", "redis", "kafka")
"""Names that the id of a parametrized test may contain, in the order of the table's columns."""


def implementation_in(identifier: str) -> str | None:
    """Return the implementation in a parametrized id (`kafka` in `kafka-3-True`), or None."""
    return next((part for part in identifier.split("-") if part in IMPLEMENTATIONS), None)


class Summary:
    """Counts outcomes by suite and implementation."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Counter[str]] = {}

    def add(self, suite: str, implementation: str, outcome: str) -> None:
        """Count one test; `outcome` is passed, failed or skipped."""
        self._counts.setdefault((suite, implementation), Counter())[outcome] += 1

    def lines(self) -> list[str]:
        """Return the table, one line per suite; empty if no suite ran."""
        if not self._counts:
            return []
        suites = sorted({suite for suite, _ in self._counts})
        used = {implementation for _, implementation in self._counts}
        columns = [name for name in IMPLEMENTATIONS if name in used] + sorted(used - set(IMPLEMENTATIONS))
        rows = [("suite", *columns)]
        rows += [(suite, *(self._cell(suite, column) for column in columns)) for suite in suites]
        return list(_aligned(rows))

    def _cell(self, suite: str, implementation: str) -> str:
        counts = self._counts.get((suite, implementation))
        if counts is None:
            return "-"
        words = [str(counts["passed"])] if counts["passed"] else []
        words += [f"{counts[outcome]} {outcome}" for outcome in ("failed", "skipped") if counts[outcome]]
        return ", ".join(words)


def skip_lines(reasons: Iterable[str]) -> list[str]:
    """Return one line for each reason and the number of tests it skipped, most frequent first."""
    counts = Counter(" ".join(reason.removeprefix("Skipped: ").split()) for reason in reasons)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    width = len(str(ordered[0][1])) if ordered else 0
    return [f"{count:>{width}}  {reason}" for reason, count in ordered]


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join([first, *others]).rstrip()
