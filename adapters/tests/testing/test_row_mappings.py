"""Tests of the round trip of row mappings: it finds each way to lose a value, and says which."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from types import ModuleType
from typing import Any, NewType

import pytest
from aether_adapters.sql import (
    RowMapping,
    UtcDateTime,
    by_value,
    converted,
    embedded,
    exact,
    in_columns,
    wrapped,
)
from aether_adapters.testing import row_mappings
from aether_adapters.testing.row_mappings import assert_round_trip
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, MetaData, Table, Text

Cents = NewType("Cents", int)


class Status(Enum):
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class Title:
    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise LookupError("A title has a letter.")


@dataclass(frozen=True)
class Money:
    cents: Cents
    currency: str


@dataclass(frozen=True, kw_only=True)
class Bill:
    id: int
    title: Title
    status: Status
    money: Money
    tags: tuple[str, ...]
    due: datetime | None = None
    events: list[str] = field(default_factory=list, compare=False)


BILLS = Table(
    "bills",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("title", exact(200), nullable=False),
    Column("status", exact(20), nullable=False),
    Column("cents", BigInteger, nullable=False),
    Column("currency", exact(3), nullable=False),
    Column("tags", Text, nullable=False),
    Column("due", UtcDateTime),
    Column("shard", BigInteger, nullable=False),
)
RIGHT: Mapping[str, Any] = {
    "title": wrapped(Title, "text"),
    "status": by_value(Status),
    "money": embedded(Money),
    "tags": converted(json.dumps, lambda text: tuple(json.loads(text))),
}


def mapping(**other: Any) -> RowMapping[Bill]:
    return RowMapping(Bill, BILLS, {**RIGHT, **other}, without=("events",), own=("shard",))


def test_a_mapping_that_keeps_everything_passes() -> None:
    assert_round_trip(mapping())


@pytest.mark.parametrize(
    ("name", "conversion"),
    [
        ("title", converted(lambda title: title.text.strip()[:5], Title)),
        ("status", converted(lambda status: status.value, lambda _: Status.OPEN)),
        (
            "money",
            in_columns(
                ("cents", "currency"), lambda m: (m.cents // 100, m.currency), lambda c, u: Money(c * 100, u)
            ),
        ),
        ("tags", converted(",".join, lambda text: tuple(text.split(",")))),
        ("tags", converted(json.dumps, json.loads)),
        ("due", converted(lambda due: due and due.replace(microsecond=0), lambda due: due)),
    ],
    ids=["cut", "a constant", "rounded", "a separator in the text", "another type", "no microseconds"],
)
def test_a_value_that_is_lost_is_named(name: str, conversion: Any) -> None:
    with pytest.raises(AssertionError, match=rf"Bill\.{name} was .* and came back from table bills as "):
        assert_round_trip(mapping(**{name: conversion}))


def test_a_class_that_chance_cannot_make_asks_for_a_strategy() -> None:
    @dataclass(frozen=True)
    class Strict:
        id: int
        code: str

        def __post_init__(self) -> None:
            if self.code != f"{self.id:05d}":
                raise ValueError("The code is the id.")

    table = Table("stricts", MetaData(), Column("id", BigInteger, primary_key=True), Column("code", exact(5)))
    strict = RowMapping(Strict, table)
    with pytest.raises(
        AssertionError, match=r"Chance made no .*Strict that its own rules accept\. Give a strategy"
    ):
        assert_round_trip(strict)
    assert_round_trip(
        strict, {Strict: st.integers(0, 9999).map(lambda number: Strict(number, f"{number:05d}"))}
    )


def test_a_strategy_replaces_chance_for_a_part_too() -> None:
    seen = []

    def note(title: Title) -> str:
        seen.append(title)
        return title.text

    assert_round_trip(mapping(title=converted(note, Title)), {Title: st.just(Title("x"))})
    assert set(seen) == {Title("x")}


def test_the_suite_finds_each_mapping_of_a_package_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("shop_adapters")
    first, second = mapping(), mapping()
    vars(module).update(BILLS_MAPPING=first, ALIAS=first, OTHER_MAPPING=second, BILLS=BILLS, replace=replace)
    monkeypatch.setitem(sys.modules, "shop_adapters", module)
    assert dict(row_mappings.mappings_of("shop_adapters")) == {
        "BILLS_MAPPING": first,
        "OTHER_MAPPING": second,
    }


class TestOwn(row_mappings.RowMappingSuite):
    """The suite itself, on the mapping of this module."""

    package = __name__


BILLS_MAPPING = mapping()
