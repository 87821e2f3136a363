"""Tests of worker leases: no two processes issue the same id, whatever happens to clocks and processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from aether_adapters.ids import EPOCH, FixedWorker, Snowflakes, WorkerLease, parts, worker_lease_table
from aether_adapters.kernel.errors import Exhausted, Unavailable
from aether_adapters.sql import Transactions
from aether_adapters.testing.interleave import meanwhile
from aether_adapters.testing.waiting import eventually
from sqlalchemy import Connection, Engine, MetaData, delete, insert, select

LEASES = worker_lease_table(MetaData())


class WallClock:
    """A wall clock that the test sets."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


def stored_highest(engine: Engine, worker: int) -> datetime:
    query = select(LEASES.c.highest_ms).where(LEASES.c.worker == worker)
    milliseconds = Transactions(engine, lambda c: c).read(lambda c: c.scalars(query).one())
    return parts(milliseconds << 22).moment


def leased(engine: Engine, **options: object) -> WorkerLease:
    """Lease number 0; waits until the last holder's lease has ended."""
    lease = WorkerLease(engine, workers=1, **options)  # type: ignore[arg-type]
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            lease.start()
        except Exhausted:
            time.sleep(0.02)
        else:
            return lease
    raise AssertionError("the last holder's lease never ended")


def test_holders_get_different_numbers_and_a_released_one_is_reused(engine: Engine) -> None:
    first, second, third = (WorkerLease(engine) for _ in range(3))
    assert [lease.start().worker for lease in (first, second)] == [0, 1]
    first.stop()
    assert third.start().worker == 0
    second.stop()
    third.stop()


def test_the_error_for_no_free_number_says_what_to_do(engine: Engine) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    rows = [{"worker": n, "owner": "somebody", "expires_at": later, "highest_ms": 0} for n in range(1024)]
    Transactions(engine, lambda c: c).run(lambda c: c.execute(insert(LEASES), rows))
    with pytest.raises(Exhausted, match="All 1024 worker numbers are leased") as caught:
        Snowflakes(WorkerLease(engine)).next()
    assert caught.value.retry_after == 30.0


def store(engine: Engine, *rows: dict[str, object]) -> None:
    """Make these the leases there are."""

    def work(connection: Connection) -> None:
        connection.execute(delete(LEASES))
        connection.execute(insert(LEASES), list(rows))

    Transactions(engine, lambda c: c).run(work)


def row(worker: int, *, free: bool, highest_ms: int = 0) -> dict[str, object]:
    expires_at = datetime.now(UTC) + timedelta(hours=-1 if free else 1)
    return {"worker": worker, "owner": f"owner-{free}", "expires_at": expires_at, "highest_ms": highest_ms}


@pytest.mark.parametrize("url", ["mariadb"], indirect=True)
def test_all_are_leased_only_if_one_look_says_so(engine: Engine) -> None:
    """Between the look and the lease number 0, the only free one, goes to somebody else, and number 1 comes back."""
    store(engine, row(0, free=True), row(1, free=False))
    swap = partial(store, engine, row(0, free=False), row(1, free=True))
    with meanwhile(engine, swap, before="UPDATE worker_leases"), WorkerLease(engine, workers=2) as lease:
        assert lease.term.worker == 1


@pytest.mark.parametrize("url", ["mariadb"], indirect=True)
def test_a_number_whose_holder_went_on_meanwhile_is_taken_above_what_it_issued(engine: Engine) -> None:
    """Between the look and the lease the last holder, late, renews it, issues ids, and gives it back."""
    ahead = parts(Snowflakes(FixedWorker()).next()).moment + timedelta(hours=1)
    ahead_ms = (ahead - EPOCH) // timedelta(milliseconds=1)
    store(engine, row(0, free=True))
    went_on = partial(store, engine, row(0, free=True, highest_ms=ahead_ms))
    with meanwhile(engine, went_on, before="UPDATE worker_leases"), WorkerLease(engine, workers=1) as lease:
        assert parts(Snowflakes(lease).next()).moment > ahead


def test_a_clock_set_back_between_clean_starts_repeats_no_id(engine: Engine) -> None:
    wall = WallClock()
    wall.offset = 3600
    with leased(engine, wall=wall) as lease:
        before = Snowflakes(lease).take(10_000)
    wall.offset = 0
    with leased(engine, wall=wall) as lease:
        assert Snowflakes(lease).next() > max(before)


def test_a_clock_set_back_after_a_crash_repeats_no_id(engine: Engine) -> None:
    wall = WallClock()
    wall.offset = 3600
    crashed = leased(engine, wall=wall, seconds=1.5)
    before = Snowflakes(crashed).take(10_000)
    renewal, crashed._renewal = crashed._renewal, None
    assert renewal is not None
    renewal.stop()  # like a crash: the number is not released
    wall.offset = -3600
    with leased(engine, wall=wall) as lease:
        assert Snowflakes(lease).next() > max(before)


def test_a_clock_change_while_ids_are_issued_breaks_neither_order_nor_bound(
    engine: Engine,
) -> None:
    wall = WallClock()
    with leased(engine, wall=wall, seconds=0.3) as lease:
        snowflakes, last = Snowflakes(lease), 0
        for offset in (3600, 0, -86400, 5, 86400 * 30, 0):
            wall.offset = offset
            end = time.monotonic() + 0.15
            while time.monotonic() < end:
                try:
                    issued = snowflakes.take(500)
                except Unavailable:
                    continue  # renewed late on a loaded machine
                assert last < issued[0]
                assert issued == sorted(set(issued))
                last = issued[-1]
                assert parts(last).moment <= stored_highest(engine, 0)


def test_issuing_stops_while_the_lease_cannot_be_renewed(engine: Engine) -> None:
    with WorkerLease(engine, seconds=0.6) as lease:
        snowflakes = Snowflakes(lease)
        before = snowflakes.take(100)
        with engine.connect() as other, other.begin():
            other.execute(LEASES.update().values(highest_ms=LEASES.c.highest_ms))  # nobody can renew now
            time.sleep(0.8)
            with pytest.raises(Unavailable, match="has lapsed"):
                snowflakes.next()
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            try:
                assert snowflakes.next() > max(before)
                return
            except Unavailable:
                time.sleep(0.02)
        raise AssertionError("the lease was never renewed")


HOLDER = """
import sys, time
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.ids import Snowflakes, WorkerLease
from aether_adapters.sql import connect
lease = WorkerLease(connect(sys.argv[1]), workers=1, seconds=0.9)
snowflakes = Snowflakes(lease)
while True:
    asked = time.monotonic()
    try:
        print("issued", asked, snowflakes.next(), flush=True)
    except Unavailable:
        print("refused", asked, 0, flush=True)
    time.sleep(0.001)
"""


@contextmanager
def holder(engine: Engine) -> Iterator[subprocess.Popen[str]]:
    url = engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_holder_suspended_past_its_lease_issues_nothing_when_it_resumes(engine: Engine) -> None:
    with holder(engine) as process:
        assert process.stdout is not None
        first = process.stdout.readline().split()
        os.kill(process.pid, signal.SIGSTOP)
        with leased(engine) as successor:
            mine = set(Snowflakes(successor).take(20_000))
            woken = time.monotonic()
            os.kill(process.pid, signal.SIGCONT)
            lines = [first]
            while len(lines) < 10_000 and not (
                lines[-1][0] == "refused" and float(lines[-1][1]) > woken + 0.3
            ):
                lines.append(process.stdout.readline().split())
    issued = [(float(asked), int(snowflake)) for word, asked, snowflake in lines if word == "issued"]
    assert issued, "it issued ids before it was suspended"
    assert [asked for asked, _ in issued if asked >= woken] == []
    assert mine.isdisjoint(snowflake for _, snowflake in issued)
    assert max(snowflake for _, snowflake in issued) < min(mine)


PROCESSES = """
import json, os, sys
from aether_adapters.ids import Snowflakes, WorkerLease
from aether_adapters.sql import connect
engine = connect(sys.argv[1])
before = WorkerLease(engine)
inherited = Snowflakes(before)
issued = [inherited.next() for _ in range(100)]
children = []
for number in range(4):
    child = os.fork()
    if child == 0:
        issued = [inherited.next() for _ in range(100)]     # a forked copy of a parent's lease
        with WorkerLease(engine, seconds=5) as lease:
            own = Snowflakes(lease)
            for _ in range(20):
                issued += own.take(500) + [own.next() for _ in range(500)]
        with open(f"{sys.argv[2]}/{number}", "w") as file:
            json.dump(issued, file)
        os._exit(0)
    children.append(child)
    issued += [inherited.next() for _ in range(100)]
failed = any(os.waitpid(child, 0)[1] for child in children)
print(json.dumps(issued))
sys.exit(failed)
"""


def test_processes_and_forked_children_issue_no_id_twice(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("issued")
    url = engine.url.render_as_string(hide_password=False)
    # CPython 3.12 warns about a fork beside threads; that is what this test does.
    python = (sys.executable, "-W", "ignore:This process:DeprecationWarning")
    done = subprocess.run(
        [*python, "-c", PROCESSES, url, str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    issued = [json.loads(done.stdout), *(json.loads(file.read_text()) for file in folder.iterdir())]
    ids = [snowflake for process in issued for snowflake in process]
    assert len(set(ids)) == len(ids) == 500 + 4 * 20_100
    assert len({parts(snowflake).worker for snowflake in ids}) >= 5


def test_a_number_is_leased_in_the_background_once_the_database_answers(engine: Engine) -> None:
    """Until then ids are refused; they do not lease a number inside the unit of work of their first user."""
    with engine.begin() as connection:
        LEASES.drop(connection)
    lease = WorkerLease(engine)
    lease.begin()
    try:
        for use in (lease.probe, lease.start, Snowflakes(lease).next):
            with pytest.raises(Unavailable, match="No worker number has been leased yet"):
                use()
        with engine.begin() as connection:
            LEASES.create(connection)
        eventually(lambda: _succeeds(lease.probe))
        assert parts(Snowflakes(lease).next()).worker == lease.start().worker == 0
    finally:
        lease.stop()
    assert WorkerLease(engine).start().worker == 0, "it was not given back"


def _succeeds(probe: Callable[[], None]) -> bool:
    try:
        probe()
    except Unavailable:
        return False
    return True
