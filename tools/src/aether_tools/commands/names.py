"""Validates the names of domains, workspaces and aggregates, before anything is written."""

from __future__ import annotations

import keyword
import re
import sys
from typing import Final

from aether_tools.compiler.model.naming import RESERVED_DOMAINS
from aether_tools.console import UsageError

_SNAKE: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PASCAL: Final = re.compile(r"([A-Z][a-z0-9]*)+")
_MAX_CHARACTERS: Final = 30
"""`<workspace>_<domain>` must fit in the 64 characters of a MySQL database's name."""
_TAKEN_BY_PYTHON: Final = (
    frozenset(sys.stdlib_module_names)
    | {"google", "grpc", "buf", "gen"}
    | {"aether_adapters", "aether_tools"}
)


def checked_name(name: str, kind: str) -> str:
    """Return `name` if it is a valid name of a domain or workspace. Raises `UsageError` otherwise."""
    if not name:
        raise UsageError(
            f"a {kind} needs a name: `aether new {'--workspace acme' if kind == 'workspace' else 'billing'}`."
        )
    if not _SNAKE.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a {kind}: it becomes a Python and a proto package, so use lower-case letters, "
            "digits and single underscores, starting with a letter, such as order_book."
        )
    if keyword.iskeyword(name):
        raise UsageError(f"{name!r} is a Python keyword; choose another name for the {kind}.")
    if len(name) > _MAX_CHARACTERS:
        raise UsageError(
            f"{name!r} is longer than {_MAX_CHARACTERS} characters; choose a shorter name for the {kind}."
        )
    if name in RESERVED_DOMAINS:
        raise UsageError(
            f"{name!r} is reserved (as are {', '.join(sorted(RESERVED_DOMAINS - {name}))}); choose another name."
        )
    if kind == "workspace" and name in _TAKEN_BY_PYTHON:
        raise UsageError(
            f"{name!r} is already the name of a Python module or a folder in proto/; "
            "choose another name for the workspace."
        )
    return name


def checked_type(name: str, what: str) -> str:
    """Return `name` if it is a valid name of a message and a class. Raises `UsageError` otherwise."""
    if not _PASCAL.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} cannot be the {what}: it becomes a class and a message, so write it in CamelCase, such as OrderLine."
        )
    return name
