"""`make check` runs every tool though one fails; the Action and the hooks run the command that exists."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "templates/workspace"
TOOLS = {
    ROOT: ["ruff", "ruff", "mypy", "lint-imports", "buf", "zizmor", "aether"],
    TEMPLATE: ["ruff", "ruff", "mypy", "buf", "aether"],
}
FAKE = """#!/bin/sh
echo "$(basename "$0")" >> "$LOG"
case " $BROKEN " in *" $(basename "$0") "*) exit 3 ;; esac
"""


def fake_workspace(folder: Path, makefile: Path) -> None:
    """Make a folder with a Makefile, an environment that is ready, and tools that only say that they ran."""
    shutil.copy(makefile, folder / "Makefile")
    for name in ("requirements.lock", "requirements.txt"):
        (folder / name).touch()
    binaries = folder / ".venv/bin"
    binaries.mkdir(parents=True)
    for tool in {name for names in TOOLS.values() for name in names}:
        (binaries / tool).write_text(FAKE)
        (binaries / tool).chmod(0o755)
    (folder / ".venv/ready").touch()


@pytest.mark.parametrize("source", TOOLS, ids=["this repository", "a workspace"])
@pytest.mark.parametrize(
    ("broken", "code", "told"),
    [
        ("", 0, "make check: everything passed."),
        ("mypy", 2, "make check: failed: types"),
        ("ruff buf aether", 2, "make check: failed: format lint contracts aether"),
    ],
)
def test_every_tool_runs_and_the_end_says_which_failed(
    tmp_path: Path, source: Path, broken: str, code: int, told: str
) -> None:
    fake_workspace(tmp_path, source / "Makefile")
    log = tmp_path / "log"
    ran = subprocess.run(
        ["make", "check"],
        cwd=tmp_path,
        env=os.environ | {"LOG": str(log), "BROKEN": broken, "PIP_INDEX_URL": "http://127.0.0.1:1/"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert log.read_text().split() == TOOLS[source]
    assert ran.returncode == code
    assert told in (ran.stdout + ran.stderr).split("\n")


def test_a_workspace_has_the_action_of_this_repository() -> None:
    own = TEMPLATE / ".github/actions/aether-check/action.yml"
    assert own.read_bytes() == (ROOT / "action.yml").read_bytes()
    assert "uses: ./.github/actions/aether-check #" in (TEMPLATE / ".github/workflows/ci.yml").read_text()
    assert "uses: ./ #" in (ROOT / ".github/workflows/ci.yml").read_text()


@pytest.mark.parametrize(("found", "code", "runs"), [(0, 0, 2), (1, 1, 2), (2, 2, 1)])
def test_the_action_fails_as_the_command_does_and_writes_sarif_of_findings(
    tmp_path: Path, found: int, code: int, runs: int
) -> None:
    [step] = YAML(typ="safe").load(ROOT / "action.yml")["runs"]["steps"]
    aether = tmp_path / "aether"
    aether.write_text(f'#!/bin/sh\necho "$@" | tee -a "$LOG"\nexit {found}\n')
    aether.chmod(0o755)
    given = {
        "AETHER": str(aether),
        "DOMAINS": "user  trade",
        "SARIF": "found.sarif",
        "LOG": str(tmp_path / "log"),
    }
    ran = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env=os.environ | given,
        check=False,
    )
    wanted = ["check user trade", "check user trade --format sarif"]
    assert (ran.returncode, (tmp_path / "log").read_text().splitlines()) == (code, wanted[:runs])
    assert (tmp_path / "found.sarif").exists() == (runs == 2)


def test_each_hook_runs_a_command_of_aether() -> None:
    hooks = YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")
    [local] = YAML(typ="safe").load(TEMPLATE / ".pre-commit-config.yaml")["repos"]
    assert [each["id"] for each in hooks] == ["aether-check", "aether-generate"]
    for hook in (*hooks, *local["hooks"]):
        command = hook["entry"].removeprefix(".venv/bin/").split()
        ran = subprocess.run(
            [ROOT / ".venv/bin" / command[0], *command[1:], "--help"], capture_output=True, check=False
        )
        assert ran.returncode == 0, hook
        assert hook["pass_filenames"] is False
