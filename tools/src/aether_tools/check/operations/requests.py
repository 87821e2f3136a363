"""Finds the fields of a request that no use case reads: a filter that filters nothing, a caller who is not asked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final

from aether_tools.check.source import Module
from aether_tools.finding import Finding, Location

_CALLER: Final = "caller"
_EVERY_CALLER: Final = re.compile(r"\b(any|every) caller\b")


def check_request(
    use_case: ast.ClassDef,
    module: Module,
    call: ast.FunctionDef,
    fields: Iterable[str],
    application: Iterable[Module],
) -> Iterator[Finding]:
    """Yield a finding for each of the request's `fields` that `call`, the `__call__` of a use case, does not read.

    A request that is passed on is read by whatever reads an attribute of that name in `application`.
    """
    parameters = [*call.args.posonlyargs, *call.args.args]
    if len(parameters) < 2:
        return
    request = parameters[1].arg
    read: set[str] = set()
    inside: set[int] = set()
    passed_on = False
    for node in ast.walk(call):
        match node:
            case ast.Attribute(value=ast.Name(id=owner) as known, attr=attribute) if owner == request:
                read.add(attribute)
                inside.add(id(known))
    for node in ast.walk(call):
        if isinstance(node, ast.Name) and node.id == request and id(node) not in inside:
            passed_on = True
    if passed_on:
        read |= {node.attr for each in application for node in each.nodes if isinstance(node, ast.Attribute)}
    for field in fields:
        if field in read or (field == _CALLER and _is_for_every_caller(module, use_case)):
            continue
        reason, fix = (
            "so what a client sends there has no effect",
            "Read it, or remove the field from the contract.",
        )
        if field == _CALLER:
            reason = "so it does the same for every caller"
            fix = "Compare it with the owner or with a role; or say in the docstring that it is for every caller."
        place = Location(module.file, call.lineno, call.col_offset + 1)
        yield Finding(
            place, "request-unread", f"{use_case.name} never reads {request}.{field}, {reason}.", fix
        )


def _is_for_every_caller(module: Module, use_case: ast.ClassDef) -> bool:
    """Whether the docstring or a comment of a use case says that it is for every caller."""
    comments = (line.partition("#")[2] for line in module.lines[use_case.lineno - 1 : use_case.end_lineno])
    return any(map(_EVERY_CALLER.search, (ast.get_docstring(use_case) or "", *comments)))


def request_fields(types: Module, request: str) -> list[str]:
    """Return the names of the fields of a generated type."""
    for node in types.tree.body:
        if isinstance(node, ast.ClassDef) and node.name == request:
            return [
                each.target.id
                for each in node.body
                if isinstance(each, ast.AnnAssign)
                and isinstance(each.target, ast.Name)
                and not ast.unparse(each.annotation).startswith("ClassVar")
            ]
    return []
