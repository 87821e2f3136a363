"""Commands in one workspace lock each other out: none sees contracts or generated code that another is changing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from .conftest import AETHER, Aether, environment, tree
from .test_generate import contracts

__all__ = ["contracts"]  # a fixture

CONTRACT = "proto/acme/billing/v1/billing.proto"

HELD = """
import sys
from pathlib import Path
from aether_tools.compiler.pipeline import generate

def hook(event, arguments):
    if event == sys.argv[1] and str(arguments[0]).endswith(sys.argv[2]):
        print("held", flush=True)
        sys.stdin.readline()

sys.addaudithook(hook)
assert generate(Path.cwd()).findings == ()
"""
"""A run that pauses before an operation until it gets a line on stdin.

Source: https://docs.python.org/3/library/audit_events.html
"""
IN_REPLACEMENT = ("os.rename", "proto/.gen.new")
"""Between the two renames, when proto/gen does not exist."""
IN_COMPILATION = ("subprocess.Popen", "")
"""After the names of the contracts have been read, before protoc reads the files."""

WATCHED = """
import os, sys
from aether_tools.cli import main

def hook(event, arguments):
    if event == "fcntl.flock":
        print("waits", file=sys.stderr, flush=True)
    elif event in ("open", "os.listdir", "os.scandir"):
        path = os.path.relpath(str(arguments[0]))
        if path.startswith(("proto", "openapi")):
            print("reads", path, file=sys.stderr, flush=True)

sys.addaudithook(hook)
sys.argv[0] = "aether"
sys.exit(main())
"""
"""`aether`, which reports on stderr when it requests the lock and which contracts it reads."""


def _add_a_message(root: Path, name: str) -> None:
    with (root / CONTRACT).open("a", encoding="utf-8") as contract:
        contract.write(f"\nmessage {name} {{\n  string text = 1;\n}}\n")


@contextmanager
def _process(program: str, *arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(program), *arguments],
        cwd=cwd,
        env=environment(),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _during_a_run(
    root: Path, *arguments: str, held_at: tuple[str, str] = IN_REPLACEMENT
) -> tuple[int, str, str]:
    """Start `aether` while another run is paused. Return its exit code, stdout and stderr."""
    with _process(HELD, *held_at, cwd=root) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == "held\n"
        with _process(WATCHED, *arguments, cwd=root) as watched:
            assert watched.stderr is not None
            assert watched.stderr.readline() == "waits\n"
            _, error = held.communicate("go on\n")
            assert held.returncode == 0, error
            out, error = watched.communicate()
            return watched.returncode, out, error


@pytest.fixture
def changed(aether: Aether, contracts: Path) -> Path:
    """A workspace whose contract has changed since code was generated."""
    assert aether("generate", cwd=contracts).code == 0
    _add_a_message(contracts, "Note")
    return contracts


@pytest.mark.parametrize(
    "held_at", [IN_COMPILATION, IN_REPLACEMENT], ids=["in compilation", "in replacement"]
)
def test_generate_waits_for_another_run_and_then_has_nothing_to_do(
    changed: Path, held_at: tuple[str, str]
) -> None:
    code, out, error = _during_a_run(changed, "generate", held_at=held_at)
    assert (code, out) == (0, "Nothing changed.\n"), error


def test_generate_check_waits_for_another_run(changed: Path) -> None:
    code, out, error = _during_a_run(changed, "generate", "--check")
    assert (code, out) == (0, "Generated code is up to date with the contracts.\n"), error


def test_check_waits_for_another_run(changed: Path) -> None:
    for contract in (changed / "openapi/billing.yaml", *(changed / "proto/acme/billing").rglob("*.proto")):
        contract.unlink()  # a contract without a domain would be a finding
    code, out, error = _during_a_run(changed, "check")
    assert (code, out) == (0, "Clean: 0 domains checked.\n"), error


def test_a_new_domain_waits_for_another_run(changed: Path, template: Path) -> None:
    arguments = ("new", "trade", "--from", str(template), "--defaults", "--no-install")
    code, _, error = _during_a_run(changed, *arguments)
    assert code == 0, error
    assert (changed / "openapi/trade.yaml").is_file()


def test_no_command_reads_the_staging_folders(changed: Path) -> None:
    """They may vanish at any moment despite the lock: an older version, a copy or a person may remove them."""
    for folder in (
        "proto/.gen.new",
        "proto/.gen.old",
        "proto/.cache",
        "openapi/.gen.new",
        "openapi/.gen.old",
    ):
        for file in ("acme/ark/v1/ark.proto", "ark.yaml"):
            (changed / folder / file).parent.mkdir(parents=True, exist_ok=True)
            (changed / folder / file).write_text("nonsense")
    for arguments in (("generate", "--check"), ("check",)):
        with _process(WATCHED, *arguments, cwd=changed) as process:
            _, error = process.communicate()
        read = {line.removeprefix("reads ") for line in error.splitlines() if line.startswith("reads ")}
        assert CONTRACT in read
        assert {path for path in read if "/." in path} == set()


def test_concurrent_commands_have_the_result_of_sequential_ones(
    aether: Aether, contracts: Path, template: Path
) -> None:
    assert aether("generate", cwd=contracts).code == 0
    for turn in range(3):
        _add_a_message(contracts, f"Note{turn}")
        new = f"new domain_{turn} --from {template} --defaults --no-install"
        lines = ("generate", "generate", "generate", "check --json", new)
        runs = [
            subprocess.Popen(
                [AETHER, *line.split()],
                cwd=contracts,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for line in lines
        ]
        for line, run in zip(lines, runs, strict=True):
            out, error = run.communicate()
            assert run.returncode in (0, 1), f"{line}: {error}"
            assert "Traceback" not in error
            assert f"domain_{turn}" in out or line != new
        for openapi in (contracts / "openapi").glob("domain_*.yaml"):
            openapi.unlink()  # the small template has no proto contract
        assert aether("generate", cwd=contracts).code == 0
        assert aether("generate", "--check", cwd=contracts).code == 0
        assert f"class Note{turn}:" in tree(contracts)["proto/gen/acme/billing/v1/types.py"]
