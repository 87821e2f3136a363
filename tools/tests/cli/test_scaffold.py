"""Moving a rendered tree into place: reversed if it fails part way."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from aether_tools import scaffold

from .conftest import tree, write


def test_files_are_moved_back_if_a_later_one_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, rendered = tmp_path / "root", tmp_path / "rendered"
    write(root / "openapi/old.yaml", "old\n")
    for file in ("openapi/new.yaml", "proto/acme/new/v1/new.proto", "domains/new/pyproject.toml"):
        write(rendered / file, "new\n")
    before = tree(root), tree(rendered)
    real = Path.rename

    def full(path: Path, target: Path) -> Path:
        if path.name == "domains":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(OSError, match="No space"):
            scaffold._move_into(root, rendered)
    assert (tree(root), tree(rendered)) == before
    assert [path.name for path in scaffold._move_into(root, rendered)] == ["new.yaml", "proto", "domains"]


def test_an_existing_file_with_the_same_content_is_skipped(tmp_path: Path) -> None:
    root, rendered = tmp_path / "root", tmp_path / "rendered"
    for folder in (root, rendered):
        write(folder / "proto/acme/common/v1/common.proto", "same\n")
    write(rendered / "openapi/new.yaml", "new\n")
    assert scaffold._move_into(root, rendered) == [root / "openapi"]
