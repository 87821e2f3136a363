"""Row plan: the checks of a `RowMapping`, and the source text of its functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from keyword import iskeyword
from typing import Any

from sqlalchemy import Row, Table

from aether_adapters.sql.conversions import Conversion, Embedded, OneColumn, SeveralColumns


class RowMappingError(TypeError):
    """A mapping does not fit its class or its table, or a row does not come from its table alone."""

    def __init__(self, mapped: type, table: Table, problem: str, fix: str) -> None:
        super().__init__(f"{mapped.__qualname__} and table {table.name}: {problem}. {fix}.")


class RowPlan:
    """Collects the expressions of the functions, and refuses what does not fit.

    Local names in the source end in an underscore, so that they differ from all parameters.
    """

    def __init__(self, mapped: type, table: Table) -> None:
        self._mapped = mapped
        self._table = table
        self._columns = {name: f"column{index}_" for index, name in enumerate(table.columns.keys())}
        self._written: dict[str, str] = {}
        self._statements: list[str] = []
        self.constants: dict[str, Any] = {"columns_": tuple(self._columns), "unreadable_": self._unreadable}

    def constant(self, value: object) -> str:
        name = f"constant{len(self.constants)}_"
        self.constants[name] = value
        return name

    def check_parameter(self, option: str, name: str) -> None:
        if not name.isidentifier() or iskeyword(name) or name.endswith("_"):
            raise self._refused(
                f"`{option}` names {name}, which cannot be a parameter",
                "Give it a name that is a Python identifier, no keyword, and does not end in an underscore",
            )

    def write(self, column: str, expression: str, who: str) -> str:
        """Fill the column. Return the variable that holds it when a row is read."""
        if column not in self._columns:
            raise self._refused(
                f"{who}, and the table has no such column",
                f"Add column {column} to the table, or correct the name; its columns are {_listed(self._columns)}",
            )
        if column in self._written:
            raise self._refused(f"{who}, which something else fills too", "Remove one of the two")
        self._written[column] = expression
        return self._columns[column]

    def check_left_out(
        self, without: Collection[str], given: Collection[str], conversions: Mapping[str, Conversion]
    ) -> None:
        """Refuse what `without` and `given` cannot name."""
        known = self._fields(self._mapped, "")
        for option, names in (("without", without), ("given", given)):
            for name in names:
                if name not in known:
                    raise self._unknown(f"`{option}`", name, known)
        for name in without:
            if known[name].default is MISSING and known[name].default_factory is MISSING:
                raise self._refused(
                    f"`without` names field {name}, which has no default",
                    "Give it a default, or name it in `given` and pass it to `from_row`",
                )
        named = [*conversions, *without, *given]
        for name in named:
            if named.count(name) > 1:
                raise self._refused(
                    f"field {name} is named twice in `conversions`, `without` and `given`", "Keep one"
                )

    def construct(
        self,
        made: type,
        value: str,
        conversions: Mapping[str, Conversion],
        *,
        path: str = "",
        without: Collection[str] = (),
        given: Collection[str] = (),
    ) -> str:
        """Write each field of `value`. Return the expression that makes an instance of `made` again."""
        known = self._fields(made, path)
        for name in conversions:
            if name not in known:
                raise self._unknown(
                    "`conversions`" if not path else f"`embedded` of field {path.rstrip('.')}", name, known
                )
        arguments = [f"{name}={name}" for name in given]
        for name in known:
            if name not in without and name not in given:
                conversion = conversions.get(name, OneColumn())
                expression = self._field(conversion, name, f"{value}.{name}", f"{path}{name}")
                arguments.append(f"{name}={expression}")
        return f"{self.constant(made)}({', '.join(arguments)})"

    def check_columns(self) -> None:
        """Refuse a column that nothing fills."""
        for column in self._columns:
            if column not in self._written:
                raise self._refused(
                    f"column {column} belongs to no field",
                    f"Add field {column}, convert a field into it, or name it in `computed` or `own`",
                )

    def source(self, made: str, *, own: Collection[str], given: Collection[str]) -> str:
        pairs = ", ".join(f"{column!r}: {self._written[column]}" for column in self._columns)
        lines = [
            f"def to_row(item_, /{_keywords(own)}):",
            *(f"    {statement}" for statement in self._statements),
            f"    return {{{pairs}}}",
            "",
            f"def to_rows(items_, /{_keywords(own)}):",
            "    rows_ = []",
            "    for item_ in items_:",
            *(f"        {statement}" for statement in self._statements),
            f"        rows_.append({{{pairs}}})",
            "    return rows_",
            "",
            f"def from_row(row_, /{_keywords(given)}):",
            "    if row_._fields != columns_:",
            "        raise unreadable_(row_)",
            f"    [{', '.join(self._columns.values())}] = row_",
            f"    return {made}",
        ]
        return "\n".join(lines) + "\n"

    def _field(self, conversion: Conversion, name: str, value: str, path: str) -> str:
        if isinstance(conversion, Embedded):
            return self.construct(conversion.value_class, value, conversion.conversions, path=f"{path}.")
        if isinstance(conversion, SeveralColumns):
            who = f"field {path} is stored in column"
            variables = [self.write(column, "", f"{who} {column}") for column in conversion.columns]
            self._written.update(zip(conversion.columns, variables, strict=True))
            listed = ", ".join(variables)
            self._statements.append(f"[{listed}] = {self.constant(conversion.to)}({value})")
            return f"{self.constant(conversion.of)}({listed})"
        if conversion.wraps is not None:
            self._wrapped(path, *conversion.wraps)
        column = conversion.column or name
        if column == name and name not in self._columns:
            raise self._refused(
                f"field {path} has no column",
                f"Add column {name} to the table, or give the field a conversion"
                + ("" if "." in path else ", or name it in `without` or `given`"),
            )
        to, of = (function and self.constant(function) for function in (conversion.to, conversion.of))
        written = conversion.write.format(value=value, to=to)
        variable = self.write(column, written, f"field {path} is stored in column {column}")
        return conversion.read.format(value=variable, of=of)

    def _wrapped(self, path: str, value_class: type, attribute: str) -> None:
        known = self._fields(value_class, path)
        if list(known) != [attribute]:
            raise self._refused(
                f"field {path} is wrapped as {value_class.__qualname__} of {attribute}, "
                f"and the fields of {value_class.__qualname__} are {_listed(known)}",
                "Name its only field, or use `embedded`",
            )

    def _fields(self, made: type, path: str) -> dict[str, Field[Any]]:
        if not is_dataclass(made):
            where = f" of field {path.rstrip('.')}" if path else ""
            raise self._refused(
                f"class {made.__qualname__}{where} is no dataclass",
                "Make it one, or use `converted` with two functions",
            )
        return {field.name: field for field in fields(made) if field.init}

    def _unknown(self, who: str, name: str, known: Collection[str]) -> RowMappingError:
        return self._refused(
            f"{who} names {name}, which is no field", f"Correct the name; the fields are {_listed(known)}"
        )

    def _unreadable(self, row: Row[Any]) -> RowMappingError:
        return self._refused(
            f"a row has the columns {_listed(row._fields)} instead of {_listed(self._columns)}",
            "Read rows of a select of this table and nothing else",
        )

    def _refused(self, problem: str, fix: str) -> RowMappingError:
        return RowMappingError(self._mapped, self._table, problem, fix)


def _keywords(names: Collection[str]) -> str:
    return ", *, " + ", ".join(names) if names else ""


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "none"
