"""Ctrl-C during any step of `make demo` or `make demo-sale` leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aether_adapters.testing.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
MARK = "DEMO_MARK"
"""An environment variable that every process of a demo inherits."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository with the current tests and this environment, which nobody else uses."""
    clone = tmp_path_factory.mktemp("demo") / "aether"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    shutil.copytree(ROOT / "tests", clone / "tests", dirs_exist_ok=True)
    (clone / ".venv").symlink_to(Path(sys.prefix))
    return clone


@pytest.fixture
def temporary() -> Iterator[Path]:
    """The folder of the demo's temporary files; its path is short, because a database's socket is there too."""
    with tempfile.TemporaryDirectory(prefix="d-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.prove
@pytest.mark.timeout(
    400
)  # it runs the demo up to a step, which takes more than two minutes under a load of 20
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("demo", "title", "seconds"),
    [
        ("tests.demo", "build the wheels", 1.0),
        ("tests.demo", "aether new billing", 0.5),
        ("tests.demo", "create and read an invoice", 0.2),
        ("tests.demo_sale", "REST, gRPC and worker", 0.5),
        ("tests.demo_sale", "race for them over REST", 0.5),
        ("tests.demo_sale", "pay, and the provider", 0.1),
    ],
)
def test_an_interrupted_demo_leaves_no_process_no_folder_and_no_change(
    checkout: Path, temporary: Path, demo: str, title: str, seconds: float
) -> None:
    mark, before = uuid4().hex, git_status(checkout)
    process = subprocess.Popen(
        [sys.executable, "-m", demo],
        cwd=checkout,
        env=os.environ | {MARK: mark, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        output = []
        for line in process.stdout:
            output.append(line)
            if title in line:
                break
        else:
            raise AssertionError(f"the demo did not reach {title!r}:\n{''.join(output)}")
        eventually(lambda: len(running(mark)) > 1, "more than the demo itself is running")
        time.sleep(seconds)
        # Like a terminal: to the whole foreground process group.
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=40)
    finally:
        for child in running(mark):
            if process.poll() is None:
                os.kill(child, signal.SIGKILL)
        process.wait()

    assert process.returncode == 130, rest
    assert "Interrupted" in rest
    # A child that is being forked as the signal comes says so itself, by Python's own words.
    assert "Traceback" not in re.sub(
        r"Exception ignored in: .*?KeyboardInterrupt: ?\n", "", rest, flags=re.DOTALL
    )
    eventually(lambda: not running(mark), f"no process is left of {running(mark)}")
    assert not list(temporary.iterdir())
    assert git_status(checkout) == before


def running(mark: str) -> list[int]:
    """Return the processes that have the mark; a port is open only while one of them runs."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended, or belongs to somebody else
    return found


def git_status(checkout: Path) -> str:
    """Return git's list of changed and new files."""
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout
