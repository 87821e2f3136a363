"""Runs servers and load generators in separate processes, each on its own core."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def core(number: int) -> None:
    """Pin this process to one core, if there are two: servers take 0, load generators 1."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process and its living children have used, user and system, on Linux; else wall time.

    On a shared machine wall time would include the work of others.
    """
    if sys.platform != "linux":
        return time.perf_counter()
    # The clock id that clock_getcpuclockid(3) gives for a process.
    return time.clock_gettime((~pid << 3) | 2) + sum(cpu_seconds(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]


@contextmanager
def started(*module: str, core: int) -> Iterator[str]:
    """Run `python -m *module` during the block. Yields the first line that it prints, such as its port."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-m", *module],
        cwd=ROOT,
        env=os.environ | {"BENCH_CORE": str(core)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{' '.join(module)} ended with {process.wait()} before it was ready")
        yield line
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def take_core() -> None:
    """Move a started process to the core that its starter chose."""
    core(int(os.environ.get("BENCH_CORE", "0")))
