"""Tests of `python -m aether_adapters.embedded`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from aether_adapters.embedded import children
from aether_adapters.testing.waiting import eventually
from confluent_kafka import Producer

_COMMAND = [sys.executable, "-m", "aether_adapters.embedded"]


@contextlib.contextmanager
def _running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen([*_COMMAND, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = json.loads(process.stdout.readline())
        assert line["ready"] is True
        yield process, line["url"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_redis_responds_when_ready_and_ends_on_sigterm(tmp_path: Path) -> None:
    port = children.free_port()
    with _running("redis", "--port", str(port), "--folder", str(tmp_path)) as (process, url):
        assert url == f"redis://127.0.0.1:{port}/0"
        client = redis.Redis.from_url(url)
        assert client.ping()
        client.close()
        process.terminate()
        assert process.wait(60) == 0
        with pytest.raises(redis.exceptions.ConnectionError):
            redis.Redis.from_url(url).ping()


def test_kafka_has_its_topics_when_ready() -> None:
    with _running("kafka", "--topic", "a.v1:2", "--topic", "b.v1:1") as (process, url):
        topics = Producer({"bootstrap.servers": url}).list_topics(timeout=5).topics
        assert {name: len(topic.partitions) for name, topic in topics.items()} == {"a.v1": 2, "b.v1": 1}
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_the_command_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({_COMMAND!r} + ['redis', '--folder', {str(tmp_path)!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    command = psutil.Process(int(parent.stdout.readline()))
    (server,) = command.children()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for process in (command, server):
        eventually(lambda one=process: not _lives(one), f"{process} has ended")  # type: ignore[misc]


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return (
            process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        )  # an orphan may be a zombie until it is reaped
    return False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["redis"], "redis needs --folder"),
        (["kafka", "--topic", "nope"], "<topic>:<partitions>"),
        (["kafka", "--topic", "nope:0"], "<topic>:<partitions>"),
    ],
)
def test_wrong_arguments_are_refused_with_a_reason(arguments: list[str], said: str) -> None:
    result = subprocess.run([*_COMMAND, *arguments], capture_output=True, text=True)
    assert (result.returncode, said in result.stderr) == (2, True), result.stderr
