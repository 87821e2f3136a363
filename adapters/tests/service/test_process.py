"""Roles in one process: they start together, stop together, and a death is an exit code."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import IO

import httpx
import pytest
from aether_adapters.observability.health import Health
from aether_adapters.service.admin import AdminServer, routes_of
from aether_adapters.service.process import Stop, run_roles


def until(stop: Stop) -> None:
    stop.wait(60)


def test_roles_run_until_they_are_told_to_stop() -> None:
    stop = Stop()
    threading.Timer(0.1, stop.set).start()
    assert run_roles({"api": until, "worker": until}, ["api", "worker"], stop=stop) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has a lower limit of its own")
def test_a_process_may_have_more_connections_than_it_was_given_files() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    seen = list[tuple[int, int]]()

    def role(_: Stop) -> None:
        seen.append(resource.getrlimit(resource.RLIMIT_NOFILE))

    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    try:
        assert run_roles({"api": role}, ["api"]) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert seen == [(min(before[1], 65_536), before[1])]


def test_what_is_there_at_the_start_is_no_work_for_the_garbage_collector_while_roles_run() -> None:
    start = [object()]
    seen = list[bool]()

    def role(_: Stop) -> None:
        seen.append(any(one is start for one in gc.get_objects()))

    assert run_roles({"api": role}, ["api"]) == 0
    assert (seen, gc.get_freeze_count()) == ([False], 0)


def test_a_role_that_makes_many_objects_is_seldom_interrupted_by_the_garbage_collector() -> None:
    def collections() -> int:
        return sum(generation["collections"] for generation in gc.get_stats())

    seen = list[int]()
    before = gc.get_threshold()

    def role(_: Stop) -> None:
        since = collections()
        made = json.loads("[" + "[]," * 350_000 + "0]")
        seen.append(collections() - since)
        assert len(made) == 350_001

    assert run_roles({"api": role}, ["api"]) == 0
    assert seen[0] < 20
    assert gc.get_threshold() == before


def test_a_role_that_dies_stops_the_others_and_is_an_exit_code() -> None:
    seen = list[str]()

    def dies(_: Stop) -> None:
        raise RuntimeError("broken")

    def other(stop: Stop) -> None:
        assert stop.wait(60)
        seen.append("asked to stop")

    assert run_roles({"api": other, "worker": dies}, ["api", "worker"]) == 1
    assert seen == ["asked to stop"]


def test_a_role_that_does_not_stop_is_given_up_after_the_grace() -> None:
    release, stop = threading.Event(), Stop()

    def deaf(_: Stop) -> None:
        release.wait(60)

    stop.set()
    begun = time.monotonic()
    assert run_roles({"api": deaf}, ["api"], grace=0.2, stop=stop) == 1
    assert time.monotonic() - begun < 8
    release.set()


def test_a_name_that_is_no_role_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no such role: apii; there are api, worker"):
        run_roles({"api": until, "worker": until}, ["apii"])
    with pytest.raises(ValueError, match="no such role"):
        run_roles({"api": until}, [])


PROGRAM = """
    import sys, time
    from aether_adapters.service.process import run_roles
    def api(stop):
        print("up", flush=True)
        stop.wait()
        print("bye", flush=True)
    def stuck(stop):
        print("up", flush=True)
        time.sleep(60)
    sys.exit(run_roles({"api": api, "stuck": stuck}, sys.argv[2:], grace=float(sys.argv[1])))
"""


def program(*arguments: str) -> tuple[subprocess.Popen[str], IO[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process, process.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_roles_leave_in_order(number: signal.Signals) -> None:
    process, output = program("5", "api")
    process.send_signal(number)
    assert process.wait(60) == 0
    assert output.read() == "bye\n"


def test_a_second_signal_ends_a_process_that_hangs() -> None:
    process, _ = program("30", "stuck")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130


def test_the_admin_server_notices_that_a_part_of_the_process_is_frozen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    health = Health({})
    health.beat("rest")
    server = AdminServer(routes_of(health), "127.0.0.1", 0)
    server.start()
    try:
        client = httpx.Client(base_url=f"http://127.0.0.1:{server.port}")
        assert client.get("/healthz").status_code == 200
        now = time.monotonic()
        monkeypatch.setattr("aether_adapters.observability.health.monotonic", lambda: now + 11)
        frozen = client.get("/healthz")
        assert (frozen.status_code, frozen.text) == (503, "frozen: rest\n")
        health.ended("rest")
        assert client.get("/healthz").status_code == 200
    finally:
        server.stop()


def test_the_admin_server_tells_health_readiness_and_metrics() -> None:
    def away() -> None:
        raise ConnectionError

    probes = {"kafka": away}
    health = Health(probes, keep=0.0)
    server = AdminServer(routes_of(health), "127.0.0.1", 0)
    server.start()
    try:
        client = httpx.Client(base_url=f"http://127.0.0.1:{server.port}")
        assert client.get("/healthz").json() == {"status": "alive"}
        refused = client.get("/readyz")
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert refused.json()["values"]["away"] == ["kafka"]
        assert "python_info" in client.get("/metrics").text
        assert client.get("/nothing").status_code == 404
    finally:
        server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{server.port}/healthz")


def test_a_part_that_the_others_need_is_told_to_stop_after_them() -> None:
    seen = list[str]()

    def server(stop: Stop) -> None:
        stop.wait(60)
        time.sleep(0.2)  # a request that still runs
        seen.append("server")

    def needed(stop: Stop) -> None:
        stop.wait(60)
        seen.append("needed")

    stop = Stop()
    threading.Timer(0.1, stop.set).start()
    assert run_roles({"a": needed, "b": server}, ["a", "b"], last=["a"], stop=stop) == 0
    assert seen == ["server", "needed"]
