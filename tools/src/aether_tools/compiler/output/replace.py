"""Replaces the generated folders atomically: after a kill at any moment, all are old or all are new.

Write the complete new trees next to the old ones, then create a journal, then rename. The next run that finds a
journal finishes the renames; one that finds none removes half-written trees.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aether_tools.compiler.contract_files import GENERATED

_JOURNAL: Final = ".aether/generate.journal"
_NEW: Final = "new"
_OLD: Final = "old"


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Lock the workspace for one writer of contracts or generated code. First finish an interrupted replacement."""
    with _locked(root, shared=False):
        recover(root)
        yield


@contextmanager
def shared(root: Path) -> Iterator[None]:
    """Lock the workspace against writers; other readers may hold it too.

    Write nothing, so that a workspace on a read-only file system can be checked.
    """
    with _locked(root, shared=True):
        yield


@contextmanager
def _locked(root: Path, *, shared: bool) -> Iterator[None]:
    import fcntl

    # Lock the folder itself: a lock file would have to be written first. Source: flock(2)
    folder = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def interrupted(root: Path) -> bool:
    """Return whether a replacement was interrupted, so that its folders are still there."""
    return any(_sibling(root, folder, name).exists() for folder in GENERATED for name in (_NEW, _OLD))


def recover(root: Path) -> None:
    """Finish a replacement that has a journal, and remove its leftover folders."""
    if (root / _JOURNAL).exists():
        _swap(root)
    if not interrupted(root):
        return
    import shutil

    for folder in GENERATED:
        for leftover in (_NEW, _OLD):
            shutil.rmtree(_sibling(root, folder, leftover), ignore_errors=True)


def replace(root: Path, files: Mapping[str, bytes]) -> None:
    """Replace the content of the generated folders with `files`, by path relative to `root`. Call within `exclusive`.

    Raises `OSError` if they cannot be written; the folders are then unchanged.
    """
    try:
        _write(root, files)
        (root / _JOURNAL).parent.mkdir(exist_ok=True)
        (root / _JOURNAL).touch()
        _swap(root)
    except OSError:
        _undo(root)
        raise
    finally:
        recover(root)


def _write(root: Path, files: Mapping[str, bytes]) -> None:
    for folder in GENERATED:
        if (root / folder).parent.exists():
            _sibling(root, folder, _NEW).mkdir()
    for path, content in files.items():
        folder = next(folder for folder in GENERATED if path.startswith(f"{folder}/"))
        file = _sibling(root, folder, _NEW) / path.removeprefix(f"{folder}/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _swap(root: Path) -> None:
    for folder in GENERATED:
        new, old, location = _sibling(root, folder, _NEW), _sibling(root, folder, _OLD), root / folder
        if new.exists():
            if location.exists():
                location.rename(old)
            new.rename(location)
    (root / _JOURNAL).unlink()


def _undo(root: Path) -> None:
    """Reverse the renames of a swap that failed part way."""
    for folder in GENERATED:
        new, old, location = _sibling(root, folder, _NEW), _sibling(root, folder, _OLD), root / folder
        if location.exists() and not new.exists():
            location.rename(new)
        if old.exists():
            old.rename(location)
    (root / _JOURNAL).unlink(missing_ok=True)


def _sibling(root: Path, folder: str, name: str) -> Path:
    """Return the hidden folder next to `folder` that holds its new or old content, such as proto/.gen.new."""
    path = root / folder
    return path.with_name(f".{path.name}.{name}")
