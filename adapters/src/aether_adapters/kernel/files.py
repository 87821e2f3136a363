"""Files and folders that only their owner may read, whatever the process's umask says."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def private_folder(folder: Path) -> None:
    """Create `folder` and its missing parents for their owner only; an existing one keeps its mode. Raises `OSError`."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir(0o700)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder, but files are kept in it.")


def private_file(file: Path) -> None:
    """Create an empty `file` for its owner only; an existing one keeps its mode and content. Raises `OSError`."""
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
