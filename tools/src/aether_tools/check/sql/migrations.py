"""Checks the migrations of a domain as files: one line of revisions, and steps that run on a database with rows.

That they make exactly the tables of the adapters is found by running them: see `migration_probe.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aether_tools.check.imports import location
from aether_tools.check.source import InvalidModule, Module, own_nodes, read
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace

_NEW_TABLE: Final = frozenset({"create_table", "rename_table"})


@dataclass(frozen=True, slots=True)
class _Revision:
    name: str
    before: tuple[str, ...]
    module: Module
    place: Location


def check_migrations(workspace: Workspace, domain: Domain, domains: Collection[str]) -> Iterator[Finding]:
    """Yield the findings of a domain's migrations. `domains` are the names of all domains."""
    folder = domain.folder / "migrations" / "versions"
    live = {f"{workspace.name}_{name}" for name in domains} | {workspace.name, f"{workspace.name}_openapi"}
    revisions = []
    for module in read(workspace.root, folder, "versions"):
        if isinstance(module, InvalidModule):
            yield Finding(
                Location(module.file, module.line, module.column),
                "python-syntax",
                f"This file is not valid Python: {module.reason}.",
                "Correct the syntax, then run the check again; it skipped this file.",
            )
            return
        revision = _revision(module)
        if revision is not None:
            revisions.append(revision)
        yield from _live_imports(module, live)
        yield from _downgrade(module)
        yield from _not_null(module)
    yield from _line(revisions)


def _revision(module: Module) -> _Revision | None:
    values = {}
    for statement in module.tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                values[name] = value
    match values.get("revision"):
        case ast.Constant(value=str(name)):
            before = values.get("down_revision")
            return _Revision(name, _texts(before), module, location(module, before or values["revision"]))
    return None


def _texts(value: ast.expr | None) -> tuple[str, ...]:
    match value:
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(text for part in parts for text in _texts(part))
    return ()


def _line(revisions: Sequence[_Revision]) -> Iterator[Finding]:
    """Yield a finding for each revision that is not on the one line from the first to the newest."""
    known: dict[str, _Revision] = {}
    for revision in revisions:
        if revision.name in known:
            yield Finding(
                revision.place,
                "migration-line",
                f"The revision {revision.name} is already that of {known[revision.name].module.file}.",
                "Give it another name, and let it follow the newest revision.",
            )
            return
        known[revision.name] = revision
    followers: dict[str, list[_Revision]] = {}
    for revision in revisions:
        for before in revision.before or ("",):
            if before and before not in known:
                yield Finding(
                    revision.place,
                    "migration-line",
                    f"The revision {revision.name} follows {before}, which does not exist.",
                    "Name the revision that was the newest before this one.",
                )
                return
            followers.setdefault(before, []).append(revision)
    merged = {before for revision in revisions if len(revision.before) > 1 for before in revision.before}
    for before, after in sorted(followers.items()):
        branches = [each for each in after if not _is_merged(each, followers, merged)]
        for extra in branches[1:] if len(after) > 1 else ():
            start = f"follow {before}" if before else "are first revisions"
            yield Finding(
                extra.place,
                "migration-line",
                f"Two revisions {start}, {after[0].name} and {extra.name}: `migrate` does not know which is the newest.",
                f'Let this one follow the other: `down_revision = "{after[0].name}"`.',
            )


def _is_merged(revision: _Revision, followers: dict[str, list[_Revision]], merged: set[str]) -> bool:
    seen: set[str] = set()
    waiting = [revision]
    while waiting:
        each = waiting.pop()
        if each.name in merged:
            return True
        if each.name not in seen:
            seen.add(each.name)
            waiting += followers.get(each.name, [])
    return False


def _live_imports(module: Module, live: Collection[str]) -> Iterator[Finding]:
    for node in module.nodes:
        match node:
            case ast.Import(names=aliases):
                imported = [alias.name for alias in aliases]
            case ast.ImportFrom(module=str(origin), level=0):
                imported = [origin]
            case _:
                continue
        for name in imported:
            if name.partition(".")[0] in live:
                yield Finding(
                    location(module, node),
                    "migration-import",
                    f"This migration imports {name}, which changes after the migration has run.",
                    "Write the columns and values into the migration as they are now.",
                )


def _function(module: Module, name: str) -> ast.FunctionDef | None:
    return next(
        (each for each in module.tree.body if isinstance(each, ast.FunctionDef) and each.name == name), None
    )


def _downgrade(module: Module) -> Iterator[Finding]:
    upgrade, downgrade = _function(module, "upgrade"), _function(module, "downgrade")
    if upgrade is None or _does_nothing(upgrade):
        return
    if downgrade is None or _does_nothing(downgrade):
        yield Finding(
            location(module, downgrade or upgrade),
            "migration-downgrade",
            "This migration cannot be undone: it has no downgrade that does something.",
            "Write `downgrade`, which undoes each step of `upgrade` in reverse order; or raise an exception with the reason.",
        )


def _does_nothing(block: ast.FunctionDef | ast.With) -> bool:
    return all(
        isinstance(each, ast.Pass)
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        or (isinstance(each, ast.Return) and each.value is None)
        or (isinstance(each, ast.With) and _does_nothing(each))
        for each in block.body
    )


def _not_null(module: Module) -> Iterator[Finding]:
    """Yield a finding for each column that a table with rows cannot take."""
    upgrade = _function(module, "upgrade")
    if upgrade is None:
        return
    new = {
        table
        for node in own_nodes(upgrade)
        if isinstance(node, ast.Call) and _method(node) in _NEW_TABLE
        for table in _texts(node.args[0] if node.args else None)
    }
    batches = _batches(upgrade)
    filled = False
    for node in sorted(_calls(upgrade), key=lambda call: (call.lineno, call.col_offset)):
        method = _method(node)
        table, arguments = _table(node, batches)
        if method == "execute":
            filled = True
        elif method == "add_column" and table not in new:
            column = next((each for each in arguments if isinstance(each, ast.Call)), None)
            if column is not None and _is_not_null(column) and not _has_default(column):
                yield _no_value(module, column, table)
        elif method == "alter_column" and table not in new and not filled:
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            if _is_false(given.get("nullable")) and "server_default" not in given:
                yield _no_value(module, node, table)


def _no_value(module: Module, node: ast.AST, table: str) -> Finding:
    return Finding(
        location(module, node),
        "migration-not-null",
        f"The rows that {table or 'the table'} already has get no value for this column, so the migration fails on them.",
        'Give it a `server_default`; or add it nullable, fill it with `op.execute("UPDATE ...")`, and alter it then.',
    )


def _calls(function: ast.FunctionDef) -> Iterator[ast.Call]:
    for node in own_nodes(function):
        if isinstance(node, ast.Call):
            yield node


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _batches(upgrade: ast.FunctionDef) -> dict[str, str]:
    """Return the table of each `with op.batch_alter_table("invoices") as batch`."""
    found = {}
    for node in own_nodes(upgrade):
        match node:
            case ast.withitem(
                context_expr=ast.Call(args=[ast.Constant(value=str(table)), *_]) as call,
                optional_vars=ast.Name(id=name),
            ) if _method(call) == "batch_alter_table":
                found[name] = table
    return found


def _table(call: ast.Call, batches: dict[str, str]) -> tuple[str, Sequence[ast.expr]]:
    """Return the table that an operation changes, and its other arguments."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=name)) if name in batches:
            return batches[name], call.args
    named = _texts(call.args[0] if call.args else None)
    return (named[0] if named else ""), call.args[1:]


def _is_not_null(column: ast.Call) -> bool:
    given = {keyword.arg: keyword.value for keyword in column.keywords}
    key = given.get("primary_key")
    is_key = isinstance(key, ast.Constant) and key.value is True
    return _is_false(given.get("nullable")) or is_key


def _is_false(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def _has_default(column: ast.Call) -> bool:
    return any(keyword.arg == "server_default" for keyword in column.keywords) or any(
        isinstance(each, ast.Call) and ast.unparse(each.func).rpartition(".")[2] in {"Computed", "Identity"}
        for each in column.args
    )
