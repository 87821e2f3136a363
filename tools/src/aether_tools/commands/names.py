"""What a domain, a workspace and an aggregate may be called. Whatever is refused is refused before anything is written."""

from __future__ import annotations

import keyword
import re
import sys
from typing import Final

from aether_tools.compiler.model.naming import RESERVED_DOMAINS
from aether_tools.console import UsageError

_SNAKE: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PASCAL: Final = re.compile(r"([A-Z][a-z0-9]*)+")
_LONGEST: Final = 30
"""Characters in a name: `<workspace>_<domain>` must fit MySQL's 64 for a database."""
_TAKEN_BY_PYTHON: Final = (
    frozenset(sys.stdlib_module_names)
    | {"google", "grpc", "buf", "gen"}
    | {"aether_adapters", "aether_tools"}
)


def checked_name(name: str, kind: str) -> str:
    """`name` where a domain or workspace may be called so; raises `UsageError` otherwise."""
    if not name:
        raise UsageError(
            f"a {kind} needs a name: `aether new {'--workspace acme' if kind == 'workspace' else 'billing'}`."
        )
    if not _SNAKE.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a {kind}: it becomes a Python and a proto package, so take lower-case letters, "
            "digits and single underscores, beginning with a letter, such as order_book."
        )
    if keyword.iskeyword(name):
        raise UsageError(f"{name!r} is a keyword of Python; choose another name for the {kind}.")
    if len(name) > _LONGEST:
        raise UsageError(
            f"{name!r} is longer than {_LONGEST} characters; choose a shorter name for the {kind}."
        )
    if name in RESERVED_DOMAINS:
        raise UsageError(
            f"{name!r} is reserved (as are {', '.join(sorted(RESERVED_DOMAINS - {name}))}); choose another name."
        )
    if kind == "workspace" and name in _TAKEN_BY_PYTHON:
        raise UsageError(
            f"`import {name}` or proto/{name} already means something else; choose another workspace name."
        )
    return name


def checked_type(name: str, what: str) -> str:
    """`name` where a message and a class may be called so; raises `UsageError` otherwise."""
    if not _PASCAL.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} cannot be the {what}: it becomes a class and a message, so write it like Invoice or OrderLine."
        )
    return name
