"""Issuing ids under a real lease, against the most that the format has room for."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aether_adapters.ids import Snowflakes, WorkerLease, worker_lease_table
from aether_adapters.ids.format import SEQUENCES
from aether_adapters.sql import connect
from sqlalchemy import MetaData

from tests.bench.harness import Row, Side

LIMIT = SEQUENCES * 1000.0
_BATCH = 1000


@contextmanager
def _one_by_one() -> Iterator[tuple[Side, Side]]:
    with _leased() as snowflakes:

        def side(seconds: float) -> float:
            issue, done = snowflakes.next, 0
            started = time.perf_counter()
            while (now := time.perf_counter()) < started + seconds:
                for _ in range(_BATCH):
                    issue()
                done += _BATCH
            return done / (now - started)

        yield side, _limit


@contextmanager
def _in_batches() -> Iterator[tuple[Side, Side]]:
    with _leased() as snowflakes:

        def side(seconds: float) -> float:
            done = 0
            started = time.perf_counter()
            while (now := time.perf_counter()) < started + seconds:
                done += len(snowflakes.take(_BATCH))
            return done / (now - started)

        yield side, _limit


@contextmanager
def _leased() -> Iterator[Snowflakes]:
    metadata = MetaData()
    worker_lease_table(metadata)
    with tempfile.TemporaryDirectory(prefix="aether-bench-") as folder:
        engine = connect(f"sqlite:///{Path(folder) / 'ids.db'}")
        metadata.create_all(engine)
        with WorkerLease(engine) as lease:
            snowflakes = Snowflakes(lease)
            issued = snowflakes.take(50_000) + [snowflakes.next() for _ in range(50_000)]
            if issued != sorted(set(issued)):
                raise RuntimeError("ids repeat, or do not rise")
            yield snowflakes
        engine.dispose()


def _limit(_seconds: float) -> float:
    """4096 ids in each of a thousand milliseconds."""
    return LIMIT


ROWS = (
    Row("snowflake", "4,096,000/s, the format's own limit", 0.5, "ids/s", _one_by_one),
    Row("snowflake (in batches of 1000)", "4,096,000/s, the format's own limit", 0.5, "ids/s", _in_batches),
)
