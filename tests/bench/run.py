"""`python -m tests.bench.run`: measure every row, print a table, and exit with 1 if a bound is broken.

Each `*_rows.py` of this folder defines its `ROWS`. A row in seconds has its bound in the column of the peer, and its
ratio is the bound over the seconds. A bound is broken if the ratio's whole spread is below it: see `spread`.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.harness import Result, Row, Timing, measure, timed
from tests.bench.machine import OtherProcesses

_HEAD = f"{'path':<32} {'against':<38} {'ours':>12} {'theirs':>12} {'unit':<10} {'ratio':>6} {'spread':>13} {'least':>6}"
_LEAST_PART = 0.05
_MOST_OTHERS = 0.1


def rows() -> Iterator[Row | Timing]:
    """Yield every row of this folder, ordered by file name."""
    for file in sorted(Path(__file__).parent.glob("*_rows.py")):
        yield from importlib.import_module(f"tests.bench.{file.stem}").ROWS


def main(arguments: Sequence[str]) -> int:
    """Measure and report. Return 0 if every bound is kept, 1 if not, 2 if no row matches."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--only", default="*", help="rows whose path/against matches this pattern")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.2, help="duration of one round of one side")
    chosen = parser.parse_args(arguments)
    wanted = [row for row in rows() if fnmatch.fnmatch(f"{row.path}/{row.against}", chosen.only)]
    if not wanted:
        print(f"no row matches {chosen.only}", file=sys.stderr)
        return 2
    print(_HEAD, flush=True)
    results = []
    started = time.monotonic()
    for number, row in enumerate(wanted, 1):
        if sys.stderr.isatty():
            print(f"[{number}/{len(wanted)}] {row.path} against {row.against} ...", end="\r", file=sys.stderr)
        others = OtherProcesses()
        if isinstance(row, Timing):
            result = timed(row)
        else:
            result = measure(row, rounds=chosen.rounds, seconds=chosen.seconds)
        result = replace(result, others=others.share())
        results.append(result)
        print(_line(result), flush=True)
    broken = [f"{result.path} against {result.against}" for result in results if result.broken]
    print(
        f"{len(results)} rows in {time.monotonic() - started:.0f} s; below its bound: {', '.join(broken) or 'none'}."
    )
    crowded = max(result.others for result in results)
    if crowded > _MOST_OTHERS:
        print(
            f"Other processes used up to {crowded:.0%} of the machine: what lives in its caches came out too slow."
        )
    if chosen.json is not None:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps([result.to_json() for result in results], indent=2) + "\n")
    return 1 if broken else 0


def _line(result: Result) -> str:
    least = "" if result.at_least is None else f"{result.at_least:.2f}"
    digits = 2 if result.unit == "s" else 0
    mark = "  BROKEN" if result.broken else ""
    spread = f"{result.ratio.low:.2f} to {result.ratio.high:.2f}"
    line = (
        f"{result.path:<32} {result.against:<38} {result.ours:>12,.{digits}f} {result.theirs:>12,.{digits}f} {result.unit:<10} "
        f"{result.ratio.median:>6.2f} {spread:>13} {least:>6}{mark}"
    )
    if not result.parts:
        return line
    by_cost = sorted(result.parts.items(), key=lambda part: -part[1])
    shares = ", ".join(f"{name} {cost:.1f}" for name, cost in by_cost if cost >= _LEAST_PART)
    return f"{line}\n  costs {sum(result.parts.values()):.1f} of theirs: {shares}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
