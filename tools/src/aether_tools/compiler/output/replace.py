"""Puts whole folders in the place of others, so that a kill at any moment leaves the old ones or the new ones.

The new trees are complete on disk, beside the old ones, before anything is renamed; a journal says so. Whoever comes
next and finds the journal finishes the renames; whoever finds none throws half-written trees away.
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
    """Hold the workspace alone, to change contracts or generated code; first finish what a killed holder began."""
    with _locked(root, shared=False):
        recover(root)
        yield


@contextmanager
def shared(root: Path) -> Iterator[None]:
    """Hold the workspace with other readers: until the end nobody who holds it alone changes anything.

    Writes nothing, so that a workspace on a read-only file system can be checked.
    """
    with _locked(root, shared=True):
        yield


@contextmanager
def _locked(root: Path, *, shared: bool) -> Iterator[None]:
    import fcntl

    # The folder itself is locked, because it is there before anything is written. Source: flock(2)
    folder = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def interrupted(root: Path) -> bool:
    """Whether a writer was killed before it was done."""
    return any(_beside(root, folder, name).exists() for folder in GENERATED for name in (_NEW, _OLD))


def recover(root: Path) -> None:
    """Finish a swap whose journal stands, and remove every leftover."""
    if (root / _JOURNAL).exists():
        _swap(root)
    if not interrupted(root):
        return
    import shutil

    for folder in GENERATED:
        for leftover in (_NEW, _OLD):
            shutil.rmtree(_beside(root, folder, leftover), ignore_errors=True)


def replace(root: Path, files: Mapping[str, bytes]) -> None:
    """Make the compiler's folders hold exactly `files`, by path relative to `root`; within `exclusive`.

    Raises `OSError` where they cannot be written; the old ones then stand as they were.
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
            _beside(root, folder, _NEW).mkdir()
    for path, content in files.items():
        folder = next(folder for folder in GENERATED if path.startswith(f"{folder}/"))
        file = _beside(root, folder, _NEW) / path.removeprefix(f"{folder}/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _swap(root: Path) -> None:
    for folder in GENERATED:
        new, old, location = _beside(root, folder, _NEW), _beside(root, folder, _OLD), root / folder
        if new.exists():
            if location.exists():
                location.rename(old)
            new.rename(location)
    (root / _JOURNAL).unlink()


def _undo(root: Path) -> None:
    """Put back what a swap that failed half-way had moved."""
    for folder in GENERATED:
        new, old, location = _beside(root, folder, _NEW), _beside(root, folder, _OLD), root / folder
        if location.exists() and not new.exists():
            location.rename(new)
        if old.exists():
            old.rename(location)
    (root / _JOURNAL).unlink(missing_ok=True)


def _beside(root: Path, folder: str, name: str) -> Path:
    """The hidden folder that stands in for `folder`, such as proto/.gen.new for proto/gen."""
    path = root / folder
    return path.with_name(f".{path.name}.{name}")
