"""Issues ids under a real lease, against the limit of the format."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from aether_adapters.ids import Snowflakes, WorkerLease, worker_lease_table
from aether_adapters.ids.format import SEQUENCES
from aether_adapters.sql import connect
from sqlalchemy import MetaData

from tests.bench.harness import Row, Side

LIMIT = SEQUENCES * 1000.0
_IDS_PER_BATCH = 1000


@contextmanager
def _one_by_one() -> Iterator[tuple[Side, Side]]:
    with _leased() as snowflakes:

        def block() -> int:
            issue = snowflakes.next
            for _ in range(SEQUENCES):
                issue()
            return SEQUENCES

        yield partial(_rate, block), _limit


@contextmanager
def _in_batches() -> Iterator[tuple[Side, Side]]:
    with _leased() as snowflakes:
        yield partial(_rate, lambda: sum(len(snowflakes.take(_IDS_PER_BATCH)) for _ in range(4))), _limit


def _rate(block: Callable[[], int], seconds: float) -> float:
    """Return ids per second: the median of blocks of about one millisecond's ids, each of which waits for the next.

    Unlike a rate over the whole time, it is not affected by other load on the machine.
    """
    rates = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        issued = block()
        rates.append(issued / (time.perf_counter() - started))
    return statistics.median(rates)


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
                raise RuntimeError("ids repeat or do not increase")
            yield snowflakes
        engine.dispose()


def _limit(_seconds: float) -> float:
    """Return the format's limit: 4096 ids in each of a thousand milliseconds."""
    return LIMIT


ROWS = (
    Row("snowflake", "4,096,000/s, the format's own limit", 0.8, "ids/s", _one_by_one),
    Row("snowflake (in batches of 1000)", "4,096,000/s, the format's own limit", 0.8, "ids/s", _in_batches),
)
