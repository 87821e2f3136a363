"""Row mapping: one declaration from which a dataclass is written to a row of its table and read back.

The declaration is checked when it is made, so a field or column that is forgotten stops the import.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, Generic, Protocol, TypeVar

from sqlalchemy import Row, Table

from aether_adapters.sql.conversions import Conversion
from aether_adapters.sql.row_plan import RowPlan

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class ToRow(Protocol[T_contra]):
    """Writes a row; takes the value of each column in `own` by its name."""

    def __call__(self, item: T_contra, /, **own: Any) -> dict[str, object]: ...


class ToRows(Protocol[T_contra]):
    """Writes a row for each item; the columns in `own` have the same value in all of them."""

    def __call__(self, items: Iterable[T_contra], /, **own: Any) -> list[dict[str, object]]: ...


class FromRow(Protocol[T_co]):
    """Reads a row; takes the value of each field in `given` by its name."""

    def __call__(self, row: Row[*tuple[Any, ...]], /, **given: Any) -> T_co: ...


class RowMapping(Generic[T]):
    """Writes instances of a dataclass to rows of a table, and reads them back.

    A field is stored in the column of its own name, unless one of these names it:

    - `conversions`: how it is stored otherwise;
    - `without`: not stored; it needs a default;
    - `given`: stored elsewhere; whoever calls `from_row` passes its value by its name.

    A column belongs to a field, or one of these names it:

    - `computed`: written for queries and people, never read back;
    - `own`: filled by the adapter; whoever calls `to_row` or `to_rows` passes its value by its name.

    Raises `RowMappingError` if a field or a column is left over or named twice.

    `from_row` reads by position, so it takes rows of `select(table)` alone; it raises `RowMappingError` for others.
    `source` is the text of these functions, which tracebacks show. `mapped`, `table`, `without`, `given` and `own` are
    what it was made from.
    """

    __slots__ = ("from_row", "given", "mapped", "own", "source", "table", "to_row", "to_rows", "without")

    def __init__(
        self,
        mapped: type[T],
        table: Table,
        conversions: Mapping[str, Conversion] | None = None,
        *,
        without: Collection[str] = (),
        given: Collection[str] = (),
        computed: Mapping[str, Callable[[T], object]] | None = None,
        own: Collection[str] = (),
    ) -> None:
        plan = RowPlan(mapped, table)
        for column, compute in (computed or {}).items():
            plan.write(column, f"{plan.constant(compute)}(item_)", f"`computed` names column {column}")
        for column in own:
            plan.check_parameter("own", column)
            plan.write(column, column, f"`own` names column {column}")
        for field in given:
            plan.check_parameter("given", field)
        plan.check_left_out(without, given, conversions or {})
        made = plan.construct(mapped, "item_", conversions or {}, without=without, given=given)
        plan.check_columns()

        self.mapped: Final = mapped
        self.table: Final = table
        self.without: Final = frozenset(without)
        self.given: Final = frozenset(given)
        self.own: Final = frozenset(own)
        self.source: Final = plan.source(made, own=own, given=given)
        namespace = plan.constants
        name = f"<row mapping of {mapped.__qualname__} and {table.name}>"
        linecache.cache[name] = (len(self.source), None, self.source.splitlines(keepends=True), name)
        exec(compile(self.source, name, "exec"), namespace)  # noqa: S102 - text of field and column names alone, as in dataclasses; zip took 3 times as long
        self.to_row: Final[ToRow[T]] = namespace["to_row"]
        self.to_rows: Final[ToRows[T]] = namespace["to_rows"]
        self.from_row: Final[FromRow[T]] = namespace["from_row"]
