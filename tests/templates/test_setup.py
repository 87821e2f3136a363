"""`make setup` of a workspace: which uv it uses, which index and wheels it installs from, and its message on failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Templates

UV = """#!/bin/sh
if [ "$1" = --version ]; then exit 0; fi
echo "$UV_DEFAULT_INDEX $*" >> "$UV_SAYS"
if [ "$1" = venv ]; then mkdir -p .venv/bin && ln -s "$BASE_PYTHON" .venv/bin/python; fi
case "$*" in *requirements.txt*) exit "${UV_INSTALLS:-0}" ;; esac
"""
"""A fake uv that records its index and its arguments."""


@pytest.fixture
def workspace(templates: Templates, tmp_path: Path) -> Path:
    """A workspace, and beside it the folder `bin` with the fake uv."""
    root = templates.render(tmp_path / "acme", template="workspace", workspace="acme")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/uv").write_text(UV)
    (tmp_path / "bin/uv").chmod(0o755)
    return root


def setup(workspace: Path, **extra: str) -> tuple[int, str, list[str]]:
    """Run `make setup`. Return its exit code, its stderr, and the calls of uv."""
    said = workspace / "uv-says"
    said.unlink(missing_ok=True)
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "MAKE", "AETHER_"))
    }
    done = subprocess.run(
        ["make", "setup", f"PYTHON={sys.executable}"],
        cwd=workspace,
        env=clean
        | {
            "PATH": f"{workspace.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "UV_SAYS": str(said),
            "BASE_PYTHON": sys.executable,
            "PIP_CONFIG_FILE": os.devnull,
        }
        | extra,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr, said.read_text().splitlines()


def test_uv_installs_what_is_asked_for_with_bytecode_then_the_members(workspace: Path) -> None:
    code, said, (made, installed, members) = setup(workspace)
    assert (code, said) == (0, "")
    assert made.split() == [
        "venv",
        "--quiet",
        "--seed",
        "--allow-existing",
        "--python",
        sys.executable,
        ".venv",
    ]
    assert installed.split()[:3] == ["pip", "install", "--quiet"]
    assert "--compile-bytecode" in installed
    assert installed.endswith("-r requirements.txt")
    assert members.endswith("-e openapi/ -e proto/")


def test_uv_uses_the_index_that_pip_is_configured_for(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://pip.example/simple\n")
    configured = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}

    def asked(**extra: str) -> str:
        (workspace / ".venv/ready").unlink(missing_ok=True)
        _, _, said = setup(workspace, **extra)
        return next(line for line in said if "requirements.txt" in line).split()[0]

    assert asked(**configured) == "https://pip.example/simple"
    assert asked(**configured, PIP_INDEX_URL="https://env.example/simple") == "https://env.example/simple"
    assert asked(**configured, UV_DEFAULT_INDEX="https://uv.example/simple") == "https://uv.example/simple"


def test_wheels_take_precedence_over_the_index_and_newer_ones_are_installed_again(
    workspace: Path, tmp_path: Path
) -> None:
    wheel = workspace / "wheels/aether_tools-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    assert setup(workspace)[2][1].endswith("-r requirements.txt wheels/aether_tools-1.0-py3-none-any.whl")
    os.utime(wheel, (2**31, 2**31))
    assert len(setup(workspace)[2]) == 2
    other = tmp_path / "others/aether_tools-2.0-py3-none-any.whl"
    other.parent.mkdir()
    other.touch()
    os.utime(other, (2**31, 2**31))
    assert setup(workspace, AETHER_WHEELS="../others")[2][0].endswith(
        f"-r requirements.txt ../others/{other.name}"
    )


def test_a_failure_says_how_to_provide_aether_and_setup_can_be_repeated(workspace: Path) -> None:
    code, said, _ = setup(workspace, UV_INSTALLS="1")
    assert code == 2
    assert (
        "put their wheels into wheels/ (`make dist` in a checkout of Aether builds them), or configure"
        in said
    )
    assert setup(workspace)[0] == 0
