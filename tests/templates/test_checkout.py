"""A checkout has the same bytes on every machine, here and in a new workspace."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from aether_tools.compiler.pipeline import generate

from tests.support.acme import Acme

from .conftest import CHECKOUT, commit, run


def _this_repository(into: Path) -> Path:
    """Copy the files that git tracks, as they are on disk."""
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=CHECKOUT).split(
        "\0"
    )
    for name in names:
        if (CHECKOUT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, into / name)
    return into


@pytest.fixture(params=["this repository", "a new workspace"])
def clone(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    """A function that commits a workspace and clones it with the given git settings."""
    if request.param == "this repository":
        origin = _this_repository(tmp_path / "origin")
    else:
        billing: Acme = request.getfixturevalue("billing")
        origin = Path(shutil.copytree(billing.root, tmp_path / "origin"))
    run("git", "init", "--quiet", cwd=origin)
    commit(origin, "everything")

    def cloned(*settings: str) -> Path:
        options = [word for setting in settings for word in ("-c", setting)]
        run("git", "clone", "--quiet", *options, origin, tmp_path / "clone", cwd=tmp_path)
        return tmp_path / "clone"

    return cloned


def test_git_settings_that_convert_line_endings_change_no_file(clone: Callable[..., Path]) -> None:
    root = clone("core.autocrlf=true")
    files = run("git", "ls-files", "--eol", cwd=root).splitlines()
    assert files
    assert [file for file in files if "w/crlf" in file or "w/mixed" in file] == []
    assert generate(root, check=True).findings == ()
    assert run("git", "status", "--porcelain", cwd=root) == ""


def test_generated_files_and_no_others_are_marked_for_reviews(clone: Callable[..., Path]) -> None:
    root = clone()
    names = [name for name in run("git", "ls-files", "-z", cwd=root).split("\0") if name]
    told = run("git", "check-attr", "-z", "linguist-generated", "--", *names, cwd=root).split("\0")
    marked = {name for name, value in zip(told[::3], told[2::3], strict=False) if value == "set"}
    folders = ("proto/gen/", "proto/aether_adapters/", "openapi/gen/")
    assert marked == {name for name in names if name.startswith(folders)} != set()
