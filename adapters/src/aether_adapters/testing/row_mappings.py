"""What the tests of every domain's row mappings share: an aggregate that is written and read back is the same."""

from __future__ import annotations

import importlib
import pkgutil
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Final, Literal, NewType, TypeVar, Union

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import DrawFn, SearchStrategy
from sqlalchemy import Engine, create_engine

from aether_adapters.sql import RowMapping, UtcDateTime

T = TypeVar("T")

_EXAMPLES: Final = 50
_LARGEST: Final = 1000
"""Of a number: rules that count pieces, cents or days take time and memory for more."""
_SINCE, _UNTIL = datetime(1970, 1, 2), datetime(2200, 1, 1)  # the strategy adds UTC
_SCALARS: Final[Mapping[Any, SearchStrategy[Any]]] = {
    int: st.integers(0, _LARGEST),
    str: st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
    | st.text("abcdefgh0123456789", min_size=1, max_size=20),
    datetime: st.datetimes(_SINCE, _UNTIL, timezones=st.just(UTC)),
    timedelta: st.timedeltas(timedelta(), timedelta(days=400)),
    time: st.times(),
    Decimal: st.decimals(0, 10**9, places=2),
    float: st.floats(allow_nan=False, allow_infinity=False),
}


class RowMappingSuite:
    """Every `RowMapping` of a domain keeps every field. Subclass it as `TestRowMappings`.

    Instances are made from arbitrary values by the domain's own constructors; what these refuse is tried again with
    others. Where a rule is so strict that chance makes nothing, `instances` has a strategy for the class.
    """

    package: ClassVar[str]
    """The package with the mappings, such as `acme_billing.adapters`."""
    instances: ClassVar[Mapping[type, SearchStrategy[Any]]] = {}
    """Strategies of Hypothesis for classes, or for types of fields, that chance seldom makes."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test of each mapping."""
        found = dict(mappings_of(self.package))
        metafunc.parametrize("mapping", list(found.values()), ids=list(found))

    def test_a_row_keeps_every_field(self, mapping: RowMapping[Any]) -> None:
        assert_round_trip(mapping, self.instances)


def mappings_of(package: str) -> Iterator[tuple[str, RowMapping[Any]]]:
    """Yield the name and the mapping of each `RowMapping` in the modules of a package. Raises its `ImportError`."""
    root = importlib.import_module(package)
    names = [
        package,
        *(found.name for found in pkgutil.walk_packages(getattr(root, "__path__", []), f"{package}.")),
    ]
    seen: set[int] = set()
    for name in names:
        for attribute, value in vars(importlib.import_module(name)).items():
            if isinstance(value, RowMapping) and id(value) not in seen:
                seen.add(id(value))
                yield attribute, value


def assert_round_trip(
    mapping: RowMapping[T], instances: Mapping[type, SearchStrategy[Any]] | None = None
) -> None:
    """Write instances to a row in SQLite and read them back. Raises `AssertionError` naming the first field that differs."""
    made = _instances(mapping.mapped, instances or {}, without=mapping.without)
    own = st.fixed_dictionaries({name: _of_column(mapping, name) for name in mapping.own})
    engine = create_engine("sqlite://")
    mapping.table.create(engine)

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(made, own)
    def check(item: T, own: dict[str, Any]) -> None:
        _check(engine, mapping, item, own)

    try:
        check()
    except Unsatisfiable:
        name = mapping.mapped.__qualname__
        raise AssertionError(
            f"Chance made no {name} that its own rules accept. Give a strategy for it, or for a class of its fields: "
            f"instances = {{{name}: strategies.builds(...)}}"
        ) from None
    finally:
        engine.dispose()


def _check(engine: Engine, mapping: RowMapping[T], item: T, own: dict[str, Any]) -> None:
    table = mapping.table
    kept = [each for each in fields(typing.cast("Any", item)) if each.name not in mapping.without]
    with engine.connect() as connection:  # never committed
        connection.execute(table.insert(), mapping.to_row(item, **own))
        row = connection.execute(table.select()).one()
    read = mapping.from_row(row, **{name: getattr(item, name) for name in mapping.given})
    for each in kept:
        before, after = getattr(item, each.name), getattr(read, each.name)
        assert before == after and type(before) is type(after), (
            f"{mapping.mapped.__qualname__}.{each.name} was {before!r} and came back from table {table.name} as {after!r}."
        )


def _of_column(mapping: RowMapping[Any], name: str) -> SearchStrategy[Any]:
    kind = mapping.table.columns[name].type
    return _strategy(datetime if isinstance(kind, UtcDateTime) else kind.python_type, {})


def _instances(
    made: type, known: Mapping[Any, SearchStrategy[Any]], *, without: Collection[str] = ()
) -> SearchStrategy[Any]:
    """Return a strategy for a dataclass: its constructor with values for its fields, where its rules accept them."""
    if made in known:
        return known[made]
    hints = typing.get_type_hints(made)
    parts = {
        each.name: _strategy(hints[each.name], known)
        for each in fields(made)
        if each.init and each.name not in without
    }

    @st.composite
    def build(draw: DrawFn) -> Any:
        values = {name: draw(part) for name, part in parts.items()}
        try:
            return made(**values)
        except Exception:  # whatever a domain raises, it refuses these values
            reject()

    return build()


def _strategy(hint: Any, known: Mapping[Any, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    match hint:
        case _ if hint in known:
            return known[hint]
        case _ if hint in _SCALARS:
            return _SCALARS[hint]
        case NewType(__supertype__=plain):
            return _strategy(plain, known)
        case type() if is_dataclass(hint):
            return _instances(hint, known)
        case type() if issubclass(hint, Enum):
            return st.sampled_from(hint)
    if origin in {Union, types.UnionType}:
        return st.one_of([_strategy(each, known) for each in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is typing.Annotated:
        return _strategy(arguments[0], known)
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return st.lists(_strategy(arguments[0], known), max_size=4).map(tuple)
    if origin is tuple:
        return st.tuples(*(_strategy(each, known) for each in arguments))
    if origin is frozenset:
        return st.frozensets(_strategy(arguments[0], known), max_size=4)
    return st.from_type(hint)
