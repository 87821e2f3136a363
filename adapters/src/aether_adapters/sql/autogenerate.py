"""Compares a schema with the tables of a domain, and writes the difference as a revision for Alembic.

Used by `alembic revision --autogenerate` through a domain's `migrations/env.py`. Alembic is imported inside functions,
so that serving processes do not load it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.types import TypeEngine

from aether_adapters.sql.engine import connect
from aether_adapters.sql.transactions import Transactions
from aether_adapters.sql.types import source_of

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.migration import MigrationContext
    from alembic.operations.ops import MigrationScript
    from alembic.script import ScriptDirectory

_KIT: Final = "aether_adapters.sql"


def pending_changes(engine: Engine, metadata: MetaData) -> list[str]:
    """Return the differences between the database and `metadata`, one line each; empty if they agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    def compare(connection: Connection) -> list[str]:
        compared = MigrationContext.configure(connection, opts={"compare_type": True})
        return [_describe(change) for change in _flattened(compare_metadata(compared, metadata))]

    return Transactions(engine, lambda connection: connection).read(compare)


@contextmanager
def migrated_copy(script: ScriptDirectory) -> Iterator[Connection]:
    """Give a connection to an empty SQLite that all revisions of `script` were applied to; it is deleted afterwards."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    with tempfile.TemporaryDirectory(prefix="aether-migrations-") as folder:
        engine = connect(f"sqlite:///{Path(folder) / 'empty.db'}", pool=1)
        try:
            with engine.begin() as connection:
                upgrading = MigrationContext.configure(
                    connection,
                    opts={"fn": lambda revision, _: script._upgrade_revs("head", revision), "as_sql": False},
                )
                with Operations.context(upgrading):
                    upgrading.run_migrations()
                yield connection
        finally:
            engine.dispose()


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Return the source of a column type of the kit, and note its import; False leaves an item to Alembic."""
    source = source_of(item) if kind == "type" and isinstance(item, TypeEngine) else None
    if source is None:
        return False
    context.imports.add(f"from {_KIT} import {source.partition('(')[0]}")
    return source


def complete_revision(context: MigrationContext, _revision: Any, directives: list[MigrationScript]) -> None:
    """Number a generated revision, name what has no name in the tables, or drop the revision if nothing changed.

    MySQL names a constraint itself and SQLite does not, so one without a name could not be changed later.
    """
    from alembic.operations import ops
    from alembic.util import CommandError

    (script,) = directives
    assert context.environment_context is not None  # noqa: S101 # it runs in an env.py
    config = context.environment_context.config
    if not getattr(config.cmd_opts, "autogenerate", False):
        return
    if script.upgrade_ops is None or script.upgrade_ops.is_empty():
        config.print_stdout("The migrations already make these tables: there is nothing to write.")
        directives.clear()
        return
    for step in _steps(script.upgrade_ops):
        _name(step)
        if isinstance(step, ops.DropConstraintOp) and step.constraint_name is None:
            raise CommandError(
                f"A constraint of {step.table_name} that is to be dropped has no name in the migration that made it, and "
                "each database names it otherwise. Write this migration by hand: copy the rows into a new table."
            )
    for step in _steps(script.downgrade_ops):
        if (
            isinstance(step, ops.DropConstraintOp)
            and step.constraint_name is None
            and step._reverse is not None
        ):
            step.constraint_name = _name(step._reverse)
    if config.cmd_opts is not None and config.cmd_opts.rev_id is None:
        script.rev_id = _next_number(context.environment_context.script) or script.rev_id


def _steps(container: Any) -> Iterator[Any]:
    for step in container.ops:
        if hasattr(step, "ops"):
            yield from _steps(step)
        else:
            yield step


def _name(step: Any) -> str | None:
    """Give a constraint that has no name one, the same for each database; return its name."""
    from alembic.operations import ops

    match step:
        case ops.CreateUniqueConstraintOp(constraint_name=None):
            step.constraint_name = "_".join(("uq", step.table_name, *map(str, step.columns)))
        case ops.CreateForeignKeyOp(constraint_name=None):
            step.constraint_name = "_".join(("fk", step.source_table, *step.local_cols))
    return getattr(step, "constraint_name", None)


def _next_number(script: ScriptDirectory) -> str | None:
    """Return the number after that of the newest revision, None if that is not a number."""
    (newest,) = script.get_heads() or ("0000",)
    return f"{int(newest) + 1:0{len(newest)}d}" if newest.isdigit() else None


def _flattened(changes: list[Any]) -> Iterator[tuple[Any, ...]]:
    for change in changes:
        if isinstance(change, list):
            yield from _flattened(change)
        else:
            yield change


def _describe(change: tuple[Any, ...]) -> str:
    match change:
        case ("add_table", table):
            return f"table {table.name} is missing"
        case ("remove_table", table):
            return f"table {table.name} is not in the metadata"
        case ("add_column", _, table, column):
            return f"column {table}.{column.name} is missing"
        case ("remove_column", _, table, column):
            return f"column {table}.{column.name} is not in the metadata"
        case ("modify_type", _, table, column, _, found, wanted):
            return f"column {table}.{column} is {found!r}, the metadata says {wanted!r}"
        case ("modify_nullable", _, table, column, _, found, wanted):
            return f"column {table}.{column} has nullable={found}, the metadata says {wanted}"
        case ("add_index" | "add_constraint" | "add_fk", element):
            return f"{change[0].removeprefix('add_')} {element.name} on {element.table.name} is missing"
        case ("remove_index" | "remove_constraint" | "remove_fk", element):
            return f"{change[0].removeprefix('remove_')} {element.name} on {element.table.name} is not in the metadata"
        case _:
            return " ".join(str(part) for part in change)
