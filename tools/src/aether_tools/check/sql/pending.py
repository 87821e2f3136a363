"""Finds where a difference between the migrations and the tables of a domain stands in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aether_tools.check.imports import location
from aether_tools.check.source import Module, read
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace

_FIX_TABLES: Final = "Add it to the tables in adapters/; or, if it is to go, write a migration that drops it."


def pending_change(workspace: Workspace, domain: Domain, change: str) -> Finding:
    """Return the finding of one line of `aether_adapters.sql.pending_changes`."""
    fix = (
        f'Write a migration: in domains/{domain.name}, `alembic revision --autogenerate -m "what changes"`, or by hand in '
        "migrations/versions/. Never edit one that has run anywhere."
    )
    reason = f"After all migrations, {change}."
    return Finding(
        _place(workspace, domain, change),
        "migration-pending",
        reason.replace("the metadata says", "the adapters' tables say").replace(
            "the metadata", "the adapters' tables"
        ),
        _FIX_TABLES if change.endswith("is not in the metadata") else fix,
    )


def _place(workspace: Workspace, domain: Domain, change: str) -> Location:
    column = re.match(r"column (\w+)\.(\w+) ", change)
    table = re.match(r"table (\w+) ", change) or re.search(r" on (\w+) ", change)
    named = column[1] if column else table[1] if table else ""
    element = column[2] if column else ""
    if not column and table and change.startswith(("index ", "constraint ")):
        element = change.split()[1]
    adapters = list(_modules(workspace, domain.source / "adapters", f"{domain.package}.adapters"))
    migrations = list(_modules(workspace, domain.folder / "migrations" / "versions", "versions"))
    for modules in (adapters, migrations[::-1]):
        for module in modules:
            node = _definition(module, named, element)
            if node is not None:
                return location(module, node)
    for module in adapters:
        node = _definition(module, named, "")
        if node is not None:
            return location(module, node)
    return Location(workspace.relative(domain.folder / "migrations" / "env.py"), 1, 1)


def _modules(workspace: Workspace, folder: Path, package: str) -> Iterator[Module]:
    return (each for each in read(workspace.root, folder, package) if isinstance(each, Module))


def _definition(module: Module, table: str, element: str) -> ast.AST | None:
    """Return the call that defines a table, or one of its columns or indexes."""
    for node in module.nodes:
        if (
            isinstance(node, ast.Call)
            and _first_text(node) == table
            and _called(node) in {"Table", "create_table"}
        ):
            if not element:
                return node
            for part in node.args:
                if isinstance(part, ast.Call) and _first_text(part) == element:
                    return part
    if element:
        for node in module.nodes:
            if isinstance(node, ast.Call) and _called(node) == "add_column" and _first_text(node) == table:
                for part in node.args:
                    if isinstance(part, ast.Call) and _first_text(part) == element:
                        return part
            if (
                isinstance(node, ast.Call)
                and _called(node) == "create_index"
                and _first_text(node) == element
            ):
                return node
    return None


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _first_text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
