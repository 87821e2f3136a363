"""Tests of idempotency keys: one result per key, despite repetitions and stopped claimants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest
from aether_adapters.sql import Transactions, connect
from aether_adapters.sql.idempotency import IdempotencyKeys, KnownKey, idempotency_table
from sqlalchemy import MetaData

T = TypeVar("T")
METADATA = MetaData()
TABLE = idempotency_table(METADATA)

Run = Callable[[Callable[[IdempotencyKeys], T]], T]


@pytest.fixture
def run(url: str) -> Iterator[Run[T]]:
    engine = connect(url)
    METADATA.create_all(engine)
    yield Transactions(engine, lambda connection: IdempotencyKeys(connection, TABLE)).run
    engine.dispose()


def claim(
    claimant: str, *, fingerprint: str = "f", key: str = "k", seconds: float = 60
) -> Callable[..., bool]:
    return lambda keys: keys.claim("ada", key, fingerprint, claimant, seconds)


def test_a_claimed_key_is_exclusive_and_its_result_stays(run: Run[object]) -> None:
    assert run(lambda keys: keys.find("ada", "k")) is None
    assert run(claim("one"))
    assert run(lambda keys: keys.find("ada", "k")) == KnownKey(fingerprint="f", result=None, lapsed=False)
    assert not run(claim("two"))
    assert not run(lambda keys: keys.finish("ada", "k", "two", "8"))
    assert run(lambda keys: keys.finish("ada", "k", "one", "7"))
    assert not run(claim("one"))
    assert run(lambda keys: keys.find("ada", "k")) == KnownKey(fingerprint="f", result="7", lapsed=False)


def test_keys_differ_by_scope_and_case(run: Run[object]) -> None:
    assert run(claim("one"))
    assert run(claim("one", key="K"))
    assert run(lambda keys: keys.claim("bob", "k", "f", "one", 60))


def test_an_abandoned_key_can_be_claimed_again_but_a_finished_one_cannot_be_abandoned(
    run: Run[object],
) -> None:
    run(claim("one"))
    run(lambda keys: keys.abandon("ada", "k", "two"))
    assert not run(claim("two"))
    run(lambda keys: keys.abandon("ada", "k", "one"))
    assert run(claim("two", fingerprint="other"))
    run(lambda keys: keys.finish("ada", "k", "two", "7"))
    run(lambda keys: keys.abandon("ada", "k", "two"))
    assert run(lambda keys: keys.find("ada", "k")) == KnownKey(fingerprint="other", result="7", lapsed=False)


def test_a_claimant_stopped_past_its_expiry_cannot_finish(run: Run[object]) -> None:
    run(claim("slow", seconds=-1))
    assert run(lambda keys: keys.find("ada", "k")) == KnownKey(fingerprint="f", result=None, lapsed=True)
    assert not run(claim("thief", fingerprint="another request"))
    assert run(claim("quick"))
    assert not run(lambda keys: keys.finish("ada", "k", "slow", "8"))
    assert run(lambda keys: keys.finish("ada", "k", "quick", "7"))


def test_a_lapsed_claim_can_be_finished_if_nobody_took_it_over(run: Run[object]) -> None:
    run(claim("slow", seconds=-1))
    assert run(lambda keys: keys.finish("ada", "k", "slow", "7"))
    assert not run(claim("two"))


@pytest.mark.parametrize("lapsed", [False, True], ids=["new", "lapsed"])
def test_one_of_many_concurrent_claimants_gets_the_key(run: Run[object], lapsed: bool) -> None:
    if lapsed:
        run(claim("gone", seconds=-1))
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda number: run(claim(str(number))), range(40)))
    assert won.count(True) == 1


def test_old_keys_are_deleted(run: Run[object]) -> None:
    run(claim("one"))
    assert run(lambda keys: keys.prune(timedelta(hours=1))) == 0
    assert run(lambda keys: keys.prune(timedelta(seconds=-5))) == 1
    assert run(claim("two"))
