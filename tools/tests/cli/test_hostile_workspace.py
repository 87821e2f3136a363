"""Commands in a workspace with files that nobody should have put there: one sentence, and no bug in aether."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.tests.cli.conftest import Aether, Ran, write

PYTHON = "domains/shop/src/acme_shop/application/x.py"


def no_bug(ran: Ran) -> str:
    """Return all output of a command that failed for a reason it could tell."""
    assert ran.code in (1, 2), ran.out + ran.err
    said = ran.out + ran.err
    assert "bug in aether" not in said and "Traceback" not in said, said
    assert all(line.isprintable() for line in said.split("\n"))
    return said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[tool.aether]\nname = "class"\n', "lower-case letters"),
        ('[tool.aether]\nname = "a\\nb"\n', "lower-case letters"),
        ('[tool.aether]\nname = "ﬁ"\n', "lower-case letters"),
        ("[tool.aether]\nname = 3\n", "lower-case letters"),
        ("tool = 3\n", "no workspace"),
        (f"a = {'[' * 5000}{']' * 5000}\n", "nested too deeply"),
        ("[tool.aether\n", "not valid TOML"),
    ],
)
def test_settings_that_are_none_are_named(workspace: Path, aether: Aether, text: str, reason: str) -> None:
    (workspace / "pyproject.toml").write_text(text, encoding="utf-8")
    assert reason in no_bug(aether("generate", cwd=workspace))


def test_settings_in_a_named_pipe_are_refused(workspace: Path, aether: Aether) -> None:
    (workspace / "pyproject.toml").unlink()
    os.mkfifo(workspace / "pyproject.toml")
    assert "not a regular file" in no_bug(aether("generate", cwd=workspace))


@pytest.mark.parametrize("name", ["a\nb", "x;touch y", "Shop", "class", "\x1b[2J"])
def test_a_domain_with_a_hostile_name_is_refused(workspace: Path, aether: Aether, name: str) -> None:
    write(workspace / "domains" / name / "pyproject.toml", "")
    assert "rename the folder" in no_bug(aether("check", cwd=workspace))


BROKEN = {
    "nul.py": b"\x00",
    "latin.py": b"x = '\xff'",
    "brackets.py": b"(" * 500,
    "minuses.py": b"-" * 100_000 + b"1",
    "attributes.py": b"x" + b".a" * 50_000,
    "half.py": b"def",
}


def test_python_that_is_none_is_found(workspace: Path, aether: Aether) -> None:
    write(workspace / "domains/shop/pyproject.toml", '[project]\nname = "acme-shop"\n')
    folder = (workspace / PYTHON).parent
    folder.mkdir(parents=True)
    for name, content in BROKEN.items():
        (folder / name).write_bytes(content)
    (folder / "quoted.py").write_bytes(b"a: '" + b"(" * 300 + b"'")
    said = no_bug(aether("check", cwd=workspace))
    for name in BROKEN:
        assert f"{folder.relative_to(workspace)}/{name}:1:" in said


def test_python_that_cannot_be_read_is_found(workspace: Path, aether: Aether) -> None:
    write(workspace / "domains/shop/pyproject.toml", '[project]\nname = "acme-shop"\n')
    folder = (workspace / PYTHON).parent
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe.py")
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "around").symlink_to(".")
    (folder / "folder.py").mkdir()
    said = no_bug(aether("check", cwd=workspace))
    for name in ("pipe.py", "loop.py", "folder.py"):
        assert f"{folder.relative_to(workspace)}/{name}:1:1: python-syntax" in said


def test_no_name_of_a_file_or_folder_drives_the_terminal(workspace: Path, aether: Aether) -> None:
    (workspace / "openapi/gen").mkdir(parents=True)
    (workspace / "openapi/gen/\x1b[2J\udcff").write_text("")
    ran = aether("generate", cwd=workspace)
    assert (ran.code, ran.out) == (0, "removed openapi/gen/\\x1b[2J\\udcff\n0 written, 1 removed.\n")
    nowhere = workspace.parent / "\x1b[2Jx"
    nowhere.mkdir()
    assert "no workspace at or above" in no_bug(aether("generate", cwd=nowhere))
