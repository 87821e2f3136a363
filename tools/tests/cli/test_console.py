"""Output of the command: colours at a terminal, plain text in a pipe, JSON on request, errors as one sentence."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from aether_tools.console import UsageError, guarded

from .conftest import AETHER, Aether, environment, write


@pytest.fixture
def lonely(workspace: Path) -> Path:
    """A workspace with one finding: a contract without a domain."""
    write(workspace / "openapi/trade.yaml", "openapi: 3.0.3\n")
    return workspace


def at_a_terminal(*arguments: str, cwd: Path, **extra: str) -> str:
    """Return what `aether` writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [AETHER, *arguments],
        cwd=cwd,
        env=environment(TERM="xterm", **extra),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    chunks = []
    while True:
        try:
            chunks.append(os.read(ours, 65536))
        except OSError:  # Linux raises EIO when the other side is closed
            break
    os.close(ours)
    process.wait()
    return b"".join(chunks).decode()


def test_a_pipe_gets_plain_text(aether: Aether, lonely: Path) -> None:
    for arguments in (["check"], ["--help"], ["check", "--nonsense"]):
        ran = aether(*arguments, cwd=lonely)
        assert "\x1b" not in ran.out + ran.err
        assert not set("╭│╰─") & set(ran.out + ran.err)


def test_a_terminal_gets_colours_unless_no_color_is_set(lonely: Path) -> None:
    assert "\x1b[" in at_a_terminal("check", cwd=lonely)
    assert "\x1b[" not in at_a_terminal("check", cwd=lonely, NO_COLOR="1")


def test_a_finding_has_a_location_a_code_a_reason_and_a_fix(aether: Aether, lonely: Path) -> None:
    ran = aether("check", cwd=lonely)
    assert ran.code == 1
    assert "openapi/trade.yaml: domain-missing This contract belongs to the domain trade" in ran.out
    assert "\n  fix: Create the domain trade, or remove its contracts.\n" in ran.out
    assert ran.out.endswith(" findings.\n") or ran.out.endswith("1 finding.\n")


def test_json_findings_are_a_list(aether: Aether, lonely: Path) -> None:
    ran = aether("check", "--json", cwd=lonely)
    assert ran.code == 1
    findings = json.loads(ran.out)
    assert {"code", "file", "line", "column", "reason", "fix"} == set(findings[0])
    assert "domain-missing" in {finding["code"] for finding in findings}


def test_no_findings_are_reported_as_clean_and_as_an_empty_list(aether: Aether, workspace: Path) -> None:
    ran = aether("check", "--json", cwd=workspace)
    assert (ran.code, ran.out) == (0, "[]\n")
    assert aether("check", cwd=workspace).out == "Clean: 0 domains checked.\n"


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["check", "--nonsense"], ["generate", "--nonsense"], ["token", "--ttl", "0"]]
)
def test_wrong_usage_exits_with_2_and_prints_no_traceback(
    aether: Aether, workspace: Path, arguments: list[str]
) -> None:
    ran = aether(*arguments, cwd=workspace)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_an_unknown_domain_is_reported_with_the_existing_ones(aether: Aether, lonely: Path) -> None:
    write(lonely / "domains/billing/pyproject.toml", "[project]\n")
    ran = aether("check", "biling", cwd=lonely)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "aether: no domain named biling in this workspace (domains: billing); "
        "create it with `aether new biling`.\n"
    )


@pytest.mark.parametrize(
    "command",
    [
        ["check", "--json"],
        ["check", "--format", "json"],
        ["generate", "--json"],
        ["check", "--map", "--json"],
    ],
)
def test_a_failure_is_json_too_where_json_was_asked_for(
    aether: Aether, workspace: Path, command: list[str]
) -> None:
    write(workspace / "pyproject.toml", "[tool.aether]\nname = 5\n")
    ran = aether(*command, cwd=workspace)
    assert ran.code == 2
    error = json.loads(ran.out)["error"]
    assert "name in [tool.aether] must have lower-case letters" in error
    assert ran.err == f"aether: {error}\n"


def test_a_reader_that_stops_reading_causes_no_error(lonely: Path) -> None:
    for number in range(600):
        (lonely / f"openapi/d{number}.yaml").touch()
    piped = subprocess.run(
        f"{AETHER} check | head -1",
        shell=True,
        cwd=lonely,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert piped.stderr == ""


def test_a_usage_error_is_printed_as_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise UsageError("do this instead.")

    assert guarded(fail) == 2
    assert capsys.readouterr().err == "aether: do this instead.\n"


def test_a_bug_prints_its_traceback_only_with_aether_debug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> int:
        raise KeyError("no such thing")

    monkeypatch.delenv("AETHER_DEBUG", raising=False)
    assert guarded(fail) == 2
    error = capsys.readouterr().err
    assert "this is a bug in aether" in error
    assert "Traceback" not in error
    monkeypatch.setenv("AETHER_DEBUG", "1")
    assert guarded(fail) == 2
    assert "Traceback" in capsys.readouterr().err
