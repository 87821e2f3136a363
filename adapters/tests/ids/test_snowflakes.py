"""Tests of ids: their format, and uniqueness between threads."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from aether_adapters.ids import EPOCH, FixedWorker, Parts, Snowflakes, Term, parts
from aether_adapters.kernel.errors import Unavailable


class Clock:
    """A monotonic clock that advances a little at each reading and that the test can move."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        self.ns += 10
        return self.ns


class FixedTerm:
    """A worker number with a term that the test sets."""

    def __init__(self, term: Term) -> None:
        self.term = term


def test_an_id_contains_time_worker_and_sequence() -> None:
    clock = Clock()
    snowflakes = Snowflakes(FixedTerm(Term(1023, 1000, 0, 10**12)), clock)
    issued = [snowflakes.next() for _ in range(3)]
    assert issued == [1000 << 22 | 1023 << 12 | sequence for sequence in range(3)]
    assert parts(issued[2]) == Parts(EPOCH + timedelta(seconds=1), 1023, 2)
    clock.ns += 5_000_000
    assert parts(snowflakes.next()) == Parts(EPOCH + timedelta(milliseconds=1005), 1023, 0)


def test_an_id_fits_a_signed_64_bit_column_until_the_milliseconds_run_out() -> None:
    last = (1 << 41) - 1
    assert Snowflakes(FixedTerm(Term(1023, last, 0, 10**12)), Clock()).take(4096)[-1] == 2**63 - 1
    with pytest.raises(OverflowError):
        Snowflakes(FixedTerm(Term(0, last + 1, 0, 10**12)), Clock()).next()


def test_after_4096_ids_the_next_one_waits_for_the_next_millisecond() -> None:
    issued = Snowflakes(FixedWorker(7)).take(3 * 4096 + 1)
    assert issued == sorted(set(issued))
    in_each = Counter(snowflake >> 22 for snowflake in issued)
    assert len(in_each) >= 4
    assert max(in_each.values()) == 4096


def test_an_id_contains_the_current_time() -> None:
    moment = parts(Snowflakes(FixedWorker()).next()).moment
    assert abs(datetime.now(UTC) - moment) < timedelta(seconds=1)


def test_nothing_is_issued_after_the_term() -> None:
    clock = Clock()
    snowflakes = Snowflakes(FixedTerm(Term(0, 0, 0, 1_500_000)), clock)
    snowflakes.take(10)
    clock.ns = 1_499_900
    snowflakes.next()
    clock.ns = 1_500_000
    for issue in (snowflakes.next, lambda: snowflakes.take(1)):
        with pytest.raises(Unavailable, match="has lapsed"):
            issue()


def test_a_new_term_continues_above_the_last_id() -> None:
    clock = Clock()
    lease = FixedTerm(Term(5, 1000, 0, 2_000_000))
    snowflakes = Snowflakes(lease, clock)
    last = snowflakes.next()
    clock.ns = 3_000_000
    lease.term = Term(6, 1003, 3_000_000, 9_000_000)
    assert snowflakes.next() > last


def test_threads_that_share_an_issuer_get_unique_ascending_ids() -> None:
    snowflakes = Snowflakes(FixedWorker())

    def issue(_: int) -> list[int]:
        issued = []
        for _ in range(300):
            issued += [snowflakes.next() for _ in range(20)] + snowflakes.take(20)
        return issued

    with ThreadPoolExecutor(8) as pool:
        each = list(pool.map(issue, range(8)))
    assert all(issued == sorted(issued) for issued in each)
    assert len({snowflake for issued in each for snowflake in issued}) == 8 * 300 * 40


FORK = """
import os
from aether_adapters.ids import Snowflakes, Term, parts

class NumberOfThisProcess:
    term = property(lambda self: Term(os.getpid() % 1024, os.getpid(), 0, 10**12))

snowflakes = Snowflakes(NumberOfThisProcess(), lambda: 0)
assert parts(snowflakes.next()).worker == os.getpid() % 1024
child = os.fork()
if child == 0:
    os._exit(0 if parts(snowflakes.next()).worker == os.getpid() % 1024 else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_does_not_use_its_parents_block() -> None:
    """Run in a new interpreter: a fork of this one would also copy gRPC's locks, held or not."""
    assert subprocess.run([sys.executable, "-c", FORK], timeout=60, check=False).returncode == 0
