"""Tests of health: concurrent probes, timeouts, caching."""

from __future__ import annotations

import threading
import time

import pytest
from aether_adapters.observability.health import Health, Probe, not_ready, readiness
from structlog.testing import capture_logs


def test_every_probe_runs_and_an_error_is_a_result() -> None:
    def away() -> None:
        raise ConnectionError("nobody listens")

    results = Health({"sql": lambda: None, "redis": away}).check()
    assert (results["sql"].ok, results["redis"].ok) == (True, False)
    assert results["redis"].detail == "ConnectionError: nobody listens"


def test_a_hanging_probe_has_failed_and_is_not_started_twice() -> None:
    release, calls = threading.Event(), list[int]()

    def hangs() -> None:
        calls.append(1)
        release.wait(60)

    health = Health({"kafka": hangs, "sql": lambda: None}, timeout=0.1, keep=0.0)
    begun = time.monotonic()
    assert [health.check()["kafka"].ok, health.check()["kafka"].ok] == [False, False]
    assert time.monotonic() - begun < 1.0
    assert len(calls) == 1
    release.set()
    time.sleep(0.05)
    assert health.check()["kafka"].ok


def test_a_failed_probe_is_logged_once_for_each_reason() -> None:
    reasons = iter(("nobody listens", "nobody listens", "the certificate is not trusted"))

    def away() -> None:
        raise ConnectionError(next(reasons))

    health = Health({"rpc": away}, keep=0.0)
    with capture_logs() as logs:
        for _ in range(3):
            health.check()
    assert [line["detail"] for line in logs] == [
        "ConnectionError: nobody listens",
        "ConnectionError: the certificate is not trusted",
    ]


def test_results_are_cached_so_that_many_checks_run_one_probe() -> None:
    calls = list[int]()

    def probe() -> None:
        calls.append(1)
        time.sleep(0.05)

    health = Health({"sql": probe}, keep=5.0)
    askers = [threading.Thread(target=health.check) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(calls) == 1
    assert health.cached() == health.check()


def test_readiness_names_the_failed_probe_but_not_the_reason() -> None:
    def away() -> None:
        raise ConnectionError("password=secret")

    health = Health({"sql": away, "redis": lambda: None})
    problem = not_ready(health)
    assert problem is not None
    assert (problem.status, problem.values) == (503, {"away": ["sql"], "draining": False})
    assert b"secret" not in problem.to_json()


def test_a_draining_service_is_not_ready() -> None:
    health = Health({"sql": lambda: None})
    assert health.ready()
    health.drain()
    assert not health.ready()


@pytest.mark.parametrize(
    ("roles", "arrangement", "asked"),
    [
        ({"api"}, "in_process", {"sql"}),
        ({"api"}, "gateway", {"rpc"}),
        ({"rpc"}, "gateway", {"sql"}),
        ({"worker"}, "in_process", {"sql", "kafka"}),
        ({"api", "rpc", "worker"}, "in_process", {"sql", "kafka"}),
    ],
)
def test_readiness_creates_only_the_probes_of_its_roles(
    roles: set[str], arrangement: str, asked: set[str]
) -> None:
    opened = list[str]()

    def probe(name: str) -> Probe:
        opened.append(name)
        return lambda: None

    health = readiness(
        roles,
        arrangement,
        use_cases={"sql": lambda: probe("sql")},
        worker={"sql": lambda: probe("sql"), "kafka": lambda: probe("kafka")},
        gateway={"rpc": lambda: probe("rpc")},
    )
    assert set(health.check()) == asked
    assert sorted(opened) == sorted(asked)
