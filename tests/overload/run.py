"""`python -m tests.overload.run`: how goodput and latency hold under more load than a server can bear.

For each kind of work and each subject: find the capacity, then offer 1, 2, 5 and 10 times as much with an open loop. The
subjects are the two arrangements with the adaptive limits and with a fixed pool of 16 threads, and a REST service of
go-zero with its default shedder on one processor, if `go` is there. Prints a table; writes JSON and an SVG chart.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.bench.grpc_contract import generated
from tests.bench.machine import OtherProcesses
from tests.bench.processes import ROOT, cpu_seconds
from tests.overload.baseline import VARIABLE
from tests.overload.chart import chart
from tests.overload.servers import Arrangement, Generator, arrangement, peer

MULTIPLES: Final = (1, 2, 5, 10)
PEER: Final = "go-zero"
KINDS: Final = {"cpu": "uses 5 ms of CPU", "wait": "waits for 50 ms"}
_FIRST_RATE: Final = {"cpu": 60.0, "wait": 150.0}
_RAMP: Final = 1.5
_RAMP_SECONDS: Final = 1.5
_KEPT: Final = 0.85
"""The part of a rate that must be answered well for the ramp to go on."""
_PEER_SOURCE: Final = ROOT / "tests" / "overload" / "peer"
_PEER_BINARY: Final = ROOT / "build" / "overload" / "peer"
_MOST_OTHERS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: an arrangement of ours with one of two pools, or the peer."""

    arrangement: str
    pool: str = ""

    @property
    def name(self) -> str:
        """As tables and charts call it."""
        return f"{self.arrangement}, {self.pool}" if self.pool else self.arrangement

    @contextmanager
    def served(self) -> Iterator[Arrangement]:
        """Run it during the block."""
        if self.arrangement == PEER:
            with peer(_PEER_BINARY) as servers:
                yield servers
            return
        if self.pool == "fixed":
            os.environ[VARIABLE] = "1"
        try:
            with arrangement(self.arrangement) as servers:
                yield servers
        finally:
            os.environ.pop(VARIABLE, None)


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement. Rates are a second, latencies in seconds and those of 2xx answers."""

    kind: str
    subject: str
    multiple: int
    rate: float
    goodput: float
    peak: float
    """The best goodput of this subject, at whatever rate."""
    p50: float
    p99: float
    statuses: dict[str, int]
    others: float
    """The share of the machine that other processes had meanwhile, the servers not among them."""


def subjects(kind: str, *, with_peer: bool) -> Iterator[Subject]:
    """Yield the subjects of one kind of work."""
    for name in ("in-process", "gateway"):
        yield Subject(name, "adaptive")
        yield Subject(name, "fixed")
    if with_peer and kind == "cpu":  # waiting is so cheap for it that the load generator has its limit first
        yield Subject(PEER)


def measured(kind: str, subject: Subject, seconds: float) -> list[Point]:
    """Measure one subject at every multiple of its capacity."""
    with subject.served() as servers:
        generator = Generator(servers.rest_port)
        try:
            generator.step(kind, 20, 1)
            capacity = _capacity(generator, kind)
            outcomes = []
            for multiple in MULTIPLES:
                others = OtherProcesses(lambda: cpu_seconds(os.getpid()))
                outcomes.append(
                    (multiple, generator.step(kind, capacity * multiple, seconds), others.share())
                )
        finally:
            generator.close()
    peak = max(capacity, *(outcome.goodput for _, outcome, _ in outcomes))
    return [
        Point(
            kind=kind,
            subject=subject.name,
            multiple=multiple,
            rate=outcome.rate,
            goodput=outcome.goodput,
            peak=peak,
            p50=outcome.p50,
            p99=outcome.p99,
            statuses=outcome.statuses,
            others=others,
        )
        for multiple, outcome, others in outcomes
    ]


def _capacity(generator: Generator, kind: str) -> float:
    """Return the best goodput of a ramp, which ends when a rate cannot be borne any more."""
    best, rate = 1.0, _FIRST_RATE[kind]
    while True:
        goodput = generator.step(kind, rate, _RAMP_SECONDS).goodput
        best = max(best, goodput)
        if goodput < _KEPT * rate:
            return best
        rate *= _RAMP


def build_peer() -> str:
    """Build the peer. Return why there is none, or an empty text."""
    go = shutil.which("go")
    if go is None:
        return "go is not on the PATH"
    _PEER_BINARY.parent.mkdir(parents=True, exist_ok=True)
    command = [go, "build", "-o", str(_PEER_BINARY), "."]
    done = subprocess.run(command, cwd=_PEER_SOURCE, capture_output=True, text=True, check=False)
    return f"go build failed: {done.stderr.strip()[-300:]}" if done.returncode else ""


def line(points: Sequence[Point]) -> str:
    """Return a row of the table: goodput, its part of the peak, and P99 at each multiple."""
    cells = (
        f"{point.goodput:>6.0f} {point.goodput / point.peak:>4.0%} {point.p99:>5.2f} s" for point in points
    )
    return f"{points[0].subject:<22} {points[0].peak:>6.0f}  " + "  ".join(cells)


def main(arguments: Sequence[str]) -> int:
    """Measure and report; return 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.overload.run", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the measurements here")
    parser.add_argument("--chart", type=Path, help="write a chart of goodput over offered load here, as SVG")
    parser.add_argument("--only", default="", help="subjects whose name contains this")
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=sorted(KINDS))
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of each load")
    chosen = parser.parse_args(arguments)
    missing = build_peer()
    if missing:
        print(f"{PEER} is left out: {missing}.")
    points: list[Point] = []
    with generated():
        for kind in chosen.kinds:
            print(f"\nA use case that {KINDS[kind]}: good answers a second, part of the peak, P99")
            print(f"{'':<22} {'peak':>6}  " + "  ".join(f"{f'{multiple}x':>19}" for multiple in MULTIPLES))
            for subject in subjects(kind, with_peer=not missing):
                if chosen.only in subject.name:
                    found = measured(kind, subject, chosen.seconds)
                    points.extend(found)
                    print(line(found), flush=True)
    crowded = max((point.others for point in points), default=0.0)
    if crowded > _MOST_OTHERS:
        print(f"Other processes used up to {crowded:.0%} of the machine, so these figures are too low.")
    for path, text in (
        (chosen.json, json.dumps([asdict(point) for point in points], indent=2) + "\n"),
        (chosen.chart, chart([(KINDS[p.kind], p.subject, p.multiple, p.goodput / p.peak) for p in points])),
    ):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
