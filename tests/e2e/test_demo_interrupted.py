"""Ctrl-C in the middle of `make demo`: whatever step it is at, nothing stays behind."""

from __future__ import annotations

import os
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

from tests.support.roles import eventually

ROOT = Path(__file__).resolve().parents[2]
MARK = "DEMO_MARK"
"""An environment variable that every process of one demo inherits."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed, and the demo as it stands, in a folder where nobody else works, with the environment of this one."""
    clone = tmp_path_factory.mktemp("demo") / "aether"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    shutil.copy(ROOT / "tests" / "demo.py", clone / "tests")
    (clone / ".venv").symlink_to(Path(sys.prefix))
    return clone


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where the demo's temporary files go; short, because a database's socket lies there, too."""
    with tempfile.TemporaryDirectory(prefix="d-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.prove
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("title", "seconds"),
    [
        ("build the wheels", 1.0),
        ("aether new billing", 0.5),
        ("create and read an invoice", 0.2),
    ],
)
def test_an_interrupted_demo_leaves_no_process_no_folder_and_no_change(
    checkout: Path, temporary: Path, title: str, seconds: float
) -> None:
    mark, before = uuid4().hex, git_status(checkout)
    demo = subprocess.Popen(
        [sys.executable, "tests/demo.py"],
        cwd=checkout,
        env=os.environ | {MARK: mark, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert demo.stdout is not None
        said = []
        for line in demo.stdout:
            said.append(line)
            if title in line:
                break
        else:
            raise AssertionError(f"the demo never came to {title!r}:\n{''.join(said)}")
        time.sleep(seconds)
        assert len(running(mark)) > 1, "nothing but the demo itself is running: there is nothing to clean up"
        # As a terminal does it: to the whole group of the foreground.
        os.killpg(demo.pid, signal.SIGINT)
        rest, _ = demo.communicate(timeout=40)
    finally:
        for process in running(mark):
            if demo.poll() is None:
                os.kill(process, signal.SIGKILL)
        demo.wait()

    assert demo.returncode == 130, rest
    assert "Interrupted" in rest
    assert "Traceback" not in rest
    eventually(lambda: not running(mark), f"no process is left of {running(mark)}", 2)
    assert not list(temporary.iterdir())
    assert git_status(checkout) == before


def running(mark: str) -> list[int]:
    """The processes that carry the mark; a port is open only as long as one of them is there."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue  # ended meanwhile, or somebody else's
    return found


def git_status(checkout: Path) -> str:
    """What git would tell a person of changed and new files."""
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout
