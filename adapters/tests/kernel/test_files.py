"""Tests of files and folders for their owner only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from aether_adapters.kernel.files import private_file, private_folder


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_new_folders_and_files_are_private_and_old_ones_keep_their_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    private_folder(shared / "a" / "b")
    private_folder(shared / "a" / "b")
    file = shared / "a" / "b" / "file"
    private_file(file)
    file.write_text("content")
    os.chmod(file, 0o640)  # noqa: PTH101 - a group was let in on purpose
    private_file(file)
    assert [mode(path) for path in (shared, shared / "a", shared / "a" / "b", file)] == [
        "0o755",
        "0o700",
        "0o700",
        "0o640",
    ]
    assert file.read_text() == "content"


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        private_folder(tmp_path / "file")
