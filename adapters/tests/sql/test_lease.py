"""Tests of leases: one holder at a time, which knows when its lease has lapsed."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from aether_adapters.sql import Lease, Transactions, connect, lease_table
from aether_adapters.sql.lease_keeper import LeaseKeeper
from aether_adapters.testing.waiting import eventually
from sqlalchemy import Engine, MetaData, select, text

LEASES = lease_table(MetaData())


class Clock:
    """A monotonic clock that the test advances."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_only_one_holds_the_lease_until_it_is_released(engine: Engine) -> None:
    first, second = (Lease(engine, "relay", owner) for owner in ("a", "b"))
    assert (first.acquire(), second.acquire()) == (True, False)
    assert (first.held, second.held) == (True, False)
    first.release()
    assert (first.held, second.acquire(), first.acquire()) == (False, True, False)


def test_two_objects_with_one_owner_exclude_each_other(engine: Engine) -> None:
    assert Lease(engine, "relay", "host").acquire()
    assert not Lease(engine, "relay", "host").acquire()


def test_a_standby_can_read_when_the_lease_will_be_free(engine: Engine) -> None:
    first, second = Lease(engine, "relay", "a", 30.0), Lease(engine, "relay", "b")
    assert second.seconds_left() == 0
    first.acquire()
    assert 20 < second.seconds_left() <= 30
    first.release()
    assert second.seconds_left() == 0


def test_a_keeper_renews_a_lease_until_it_stops_and_lets_go_if_the_work_hangs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aether_adapters.sql.lease_keeper._IDLE_SECONDS", 1.2)
    lease, other, taken = Lease(engine, "relay", "a", 1.0), Lease(engine, "relay", "b"), threading.Event()
    keeper = LeaseKeeper(lease, taken.set)
    keeper.start()
    assert taken.wait(60)
    ends = time.monotonic() + 1.6
    while time.monotonic() < ends:
        keeper.beat()
        time.sleep(0.05)
    assert not other.acquire(), "its term ended without a renewal"
    eventually(other.acquire, "another takes the lease while the work hangs")
    keeper.stop()
    assert other.held


def test_a_keeper_outlives_an_error_that_nobody_foresaw(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """While a backup is restored, say, the table is away for a moment."""
    taken = threading.Event()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE leases RENAME TO leases_away"))
    keeper = LeaseKeeper(Lease(engine, "relay", "a", 1.0), taken.set)
    keeper.start()
    try:
        eventually(lambda: "relay" in caplog.text, "the error is logged")
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE leases_away RENAME TO leases"))
        assert taken.wait(60)
    finally:
        keeper.stop()


def test_leases_of_different_names_are_independent(engine: Engine) -> None:
    assert Lease(engine, "relay", "a").acquire()
    assert Lease(engine, "Relay", "b").acquire()


def test_one_of_many_concurrent_applicants_gets_the_lease(engine: Engine) -> None:
    leases = [Lease(engine, "relay", f"owner {number}") for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(Lease.acquire, leases)) == [False] * 11 + [True]


def test_a_holder_considers_its_lease_lapsed_before_anyone_else_can_take_it(engine: Engine) -> None:
    first, second = Lease(engine, "relay", "a", 0.4), Lease(engine, "relay", "b", 0.4)
    first.acquire()
    while not second.acquire():
        time.sleep(0.005)
    assert not first.held


def test_a_former_holder_cannot_renew_and_the_fence_has_risen(engine: Engine) -> None:
    first, second = Lease(engine, "relay", "a", 0.2), Lease(engine, "relay", "b")
    first.acquire()
    time.sleep(0.3)
    assert second.acquire()
    assert not first.renew()
    assert not first.hold()
    assert second.fence > first.fence
    first.release()
    assert not Lease(engine, "relay", "c").acquire(), "a loser's release must not free the winner's lease"


def test_a_lapsed_lease_can_be_renewed_if_nobody_took_it(engine: Engine) -> None:
    lease = Lease(engine, "relay", "a", 0.1)
    lease.acquire()
    fence = lease.fence
    time.sleep(0.15)
    assert (lease.held, lease.renew(), lease.held, lease.fence) == (False, True, True, fence)


def test_hold_asks_the_database_only_after_a_third_of_the_term(engine: Engine) -> None:
    clock = Clock()
    lease = Lease(engine, "relay", "a", 30, clock=clock)

    def stored() -> object:
        transactions = Transactions(engine, lambda connection: connection)
        return transactions.read(lambda c: c.scalars(select(LEASES.c.expires_at)).one())

    assert lease.hold()
    granted = stored()
    time.sleep(0.01)
    clock.seconds = 9.9
    assert (lease.hold(), stored()) == (True, granted)
    clock.seconds = 10.1
    assert lease.hold()
    assert stored() != granted


def test_a_holder_that_cannot_renew_keeps_the_lease_until_its_term_ends(engine: Engine) -> None:
    clock = Clock()
    slow = connect(engine.url, statement_seconds=0.25)
    lease = Lease(slow, "relay", "a", 30, clock=clock)
    lease.acquire()
    with engine.connect() as other, other.begin():
        other.execute(LEASES.update().values(owner="nobody else can write now"))
        clock.seconds = 15
        assert lease.hold()
        assert lease.held
        other.rollback()
    clock.seconds = 31
    assert not lease.held
    slow.dispose()
