"""Reads the text of a contract, and refuses a file that no compiler should open.

A contract comes from whoever may propose a change, and CI compiles it before anybody has looked at it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from aether_tools.finding import ContractError, Finding, Location

MAX_OPENAPI_BYTES: Final = 16 * 1024 * 1024
"""The largest published OpenAPI documents have 12 MB."""
MAX_PROTO_BYTES: Final = 2 * 1024 * 1024
"""The largest published proto files have half of that."""

_BOM: Final = "\ufeff"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def location_of(file: Path, root: Path) -> str:
    """Return a path as findings show it: relative to the workspace, if it is inside."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()


def read_contract(file: Path, root: Path, max_bytes: int) -> str:
    """Return a contract's text with LF line endings and without a byte order mark.

    Raises `ContractError` unless it is a regular file of at most `max_bytes` of UTF-8 that can be read, and inside
    the workspace at `root` if it is a symbolic link.
    """
    name = location_of(file, root)
    try:
        return _decoded(_content(file, root, name, max_bytes), name)
    except OSError as error:
        raise _refused(
            name,
            "contract-unreadable",
            f"The file cannot be read: {error.strerror}.",
            "Correct its permissions or the symbolic link, or remove it.",
        ) from error


def _content(file: Path, root: Path, name: str, max_bytes: int) -> bytes:
    status = file.stat()
    if file.is_symlink() and not _inside(file, root):
        raise _refused(
            name,
            "contract-link",
            f"The symbolic link leads out of the workspace, to {os.path.realpath(file)}.",
            "Copy the file into the workspace.",
        )
    if not stat.S_ISREG(status.st_mode):
        raise _refused(name, "contract-unreadable", "This is not a regular file.", "Remove it.")
    if status.st_size > max_bytes:
        raise _refused(
            name,
            "contract-size",
            f"The file has {status.st_size:,} bytes; a contract may have {max_bytes:,}.",
            "Split the domain, or remove generated examples from the contract.",
        )
    return file.read_bytes()


def _inside(file: Path, root: Path) -> bool:
    return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(root))


def _decoded(content: bytes, name: str) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode()) + 1
        what = "UTF-16" if content.startswith(_UTF_16) else f"not UTF-8: byte 0x{content[error.start]:02x}"
        raise ContractError(
            Finding(
                Location(name, line, column),
                "contract-encoding",
                f"The file is {what}.",
                "Save the file as UTF-8.",
            )
        ) from error
    return text.removeprefix(_BOM).replace("\r\n", "\n")


def _refused(name: str, code: str, reason: str, fix: str) -> ContractError:
    return ContractError(Finding(Location(name, 1, 1), code, reason, fix))
