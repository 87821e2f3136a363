"""A row mapping stores whole objects, and refuses to exist when a field or a column is left over."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, datetime
from enum import Enum

import pytest
from aether_adapters.sql import (
    RowMapping,
    RowMappingError,
    UtcDateTime,
    by_value,
    connect,
    converted,
    embedded,
    exact,
    in_column,
    in_columns,
    optional,
    wrapped,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    create_engine,
    insert,
    select,
)
from sqlalchemy.pool import StaticPool


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


@dataclass(frozen=True, slots=True)
class Label:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    street: Label
    city: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    name: str
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A field of each kind that a mapping knows."""

    id: int
    label: Label
    nickname: Label | None = None
    weight: Weight
    size: Size
    largest: Size | None = None
    tags: frozenset[str] = frozenset()
    recipient: Recipient
    spot: tuple[int, int] | None = None
    sent_at: datetime | None = None
    stamps: tuple[int, ...]
    events: tuple[str, ...] = field(default=(), compare=False)

    @property
    def heavy(self) -> bool:
        return self.weight.grams > 1000


METADATA = MetaData()
PARCELS = Table(
    "parcels",
    METADATA,
    Column("shop", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("label_text", exact(50), nullable=False),
    Column("nickname", exact(50)),
    Column("weight", Integer, nullable=False),
    Column("size", exact(1), nullable=False),
    Column("largest", exact(1)),
    Column("tags", exact(200), nullable=False),
    Column("name", exact(50), nullable=False),
    Column("street", exact(50), nullable=False),
    Column("city", exact(50), nullable=False),
    Column("x", Integer),
    Column("y", Integer),
    Column("sent_at", UtcDateTime),
    Column("heavy", Integer, nullable=False),
)

PARCELS_MAPPING = RowMapping(
    Parcel,
    PARCELS,
    {
        "label": in_column("label_text", wrapped(Label, "text")),
        "nickname": optional(wrapped(Label, "text")),
        "weight": wrapped(Weight, "grams"),
        "size": by_value(Size),
        "largest": optional(by_value(Size)),
        "tags": converted(lambda tags: " ".join(sorted(tags)), lambda text: frozenset(text.split())),
        "recipient": embedded(Recipient, {"address": embedded(Address, {"street": wrapped(Label, "text")})}),
        "spot": in_columns(
            ("x", "y"),
            lambda spot: (None, None) if spot is None else spot,
            lambda x, y: None if x is None else (x, y),
        ),
    },
    given=("stamps",),
    without=("events",),
    computed={"heavy": lambda parcel: parcel.heavy},
    own=("shop",),
)

UNHURRIED = settings(max_examples=50)
TEXT = st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=20)
NUMBER = st.integers(0, 2**31 - 1)
RECIPIENTS = st.builds(
    Recipient, name=TEXT, address=st.builds(Address, street=st.builds(Label, TEXT), city=TEXT)
)
PARCEL = st.builds(
    Parcel,
    id=NUMBER,
    label=st.builds(Label, TEXT),
    nickname=st.none() | st.builds(Label, TEXT),
    weight=st.builds(Weight, grams=NUMBER),
    size=st.sampled_from(Size),
    largest=st.none() | st.sampled_from(Size),
    tags=st.frozensets(TEXT.filter(bool), max_size=3),
    recipient=RECIPIENTS,
    spot=st.none() | st.tuples(NUMBER, NUMBER),
    sent_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    stamps=st.lists(NUMBER).map(tuple),
    events=st.just(("dropped",)),
)
ENGINE = create_engine("sqlite://", poolclass=StaticPool)
METADATA.create_all(ENGINE)


def stored(*rows: dict[str, object], table: Table = PARCELS) -> list[Row[tuple[object, ...]]]:
    """The rows as a database gives them back; nothing is left in it."""
    with ENGINE.connect() as connection:
        connection.execute(insert(table), rows)
        return list(connection.execute(select(table)))


@UNHURRIED
@given(parcel=PARCEL, shop=NUMBER)
def test_what_is_stored_is_read_back_whole(parcel: Parcel, shop: int) -> None:
    (row,) = stored(PARCELS_MAPPING.to_row(parcel, shop=shop))
    assert row.shop == shop
    assert PARCELS_MAPPING.from_row(row, stamps=parcel.stamps) == parcel


@UNHURRIED
@given(parcel=PARCEL)
def test_a_row_has_every_column_in_the_order_of_the_table(parcel: Parcel) -> None:
    assert list(PARCELS_MAPPING.to_row(parcel, shop=1)) == PARCELS.columns.keys()


@UNHURRIED
@given(parcels=st.lists(PARCEL, max_size=5))
def test_many_are_written_as_each_alone(parcels: list[Parcel]) -> None:
    alone = [PARCELS_MAPPING.to_row(parcel, shop=3) for parcel in parcels]
    assert PARCELS_MAPPING.to_rows(parcels, shop=3) == alone


SENT = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
EXAMPLE = Parcel(
    id=1,
    label=Label("books"),
    weight=Weight(grams=1200),
    size=Size.LARGE,
    tags=frozenset({"b", "a"}),
    recipient=Recipient(name="ann", address=Address(street=Label("Elm"), city="Bonn")),
    spot=(4, 5),
    sent_at=SENT,
    stamps=(),
    events=("sent",),
)


def test_a_row_holds_plain_values() -> None:
    assert PARCELS_MAPPING.to_row(EXAMPLE, shop=9) == {
        "shop": 9,
        "id": 1,
        "label_text": "books",
        "nickname": None,
        "weight": 1200,
        "size": "l",
        "largest": None,
        "tags": "a b",
        "name": "ann",
        "street": "Elm",
        "city": "Bonn",
        "x": 4,
        "y": 5,
        "sent_at": SENT,
        "heavy": True,
    }


def test_a_field_left_out_is_read_as_its_default() -> None:
    (row,) = stored(PARCELS_MAPPING.to_row(EXAMPLE, shop=9))
    assert PARCELS_MAPPING.from_row(row, stamps=()).events == ()


def test_a_value_that_no_member_has_is_refused() -> None:
    (row,) = stored(PARCELS_MAPPING.to_row(EXAMPLE, shop=9) | {"size": "?"})
    with pytest.raises(ValueError, match="'\\?' is not a valid Size"):
        PARCELS_MAPPING.from_row(row, stamps=())


def test_a_value_that_is_not_passed_is_missed() -> None:
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'shop'"):
        PARCELS_MAPPING.to_row(EXAMPLE)
    (row,) = stored(PARCELS_MAPPING.to_row(EXAMPLE, shop=9))
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'stamps'"):
        PARCELS_MAPPING.from_row(row)


def test_a_traceback_shows_the_line_that_failed() -> None:
    broken = Parcel(**{name: getattr(EXAMPLE, name) for name in Parcel.__slots__} | {"recipient": None})
    with pytest.raises(AttributeError) as caught:
        PARCELS_MAPPING.to_row(broken, shop=9)
    assert "'city': item_.recipient.address.city" in "".join(traceback.format_exception(caught.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    id: int
    size: Size
    label: Label


def table(*columns: str) -> Table:
    return Table(
        "items", MetaData(), *(Column(name, String(50), primary_key=name == "id") for name in columns)
    )


ITEM = {"size": by_value(Size), "label": wrapped(Label, "text")}


def test_rows_with_other_columns_are_refused() -> None:
    items = table("id", "size", "label")
    mapping = RowMapping(Item, items, ITEM)
    engine = create_engine("sqlite://", poolclass=StaticPool)
    items.create(engine)
    with engine.connect() as connection:
        connection.execute(insert(items), {"id": "1", "size": "s", "label": "x"})
        other_order = connection.execute(select(items.c.id, items.c.label, items.c.size)).one()
        one_more = connection.execute(select(items, items.c.id.label("again"))).one()
    for row, names in ((other_order, "id, label, size"), (one_more, "id, size, label, again")):
        with pytest.raises(RowMappingError) as caught:
            mapping.from_row(row)
        assert str(caught.value) == (
            f"Item and table items: a row has the columns {names} instead of id, size, label. "
            "Read rows of a select of this table and nothing else."
        )


def test_a_field_added_to_the_class_alone_is_found() -> None:
    """The reason for all this: by hand, the field was lost by each save and nobody noticed."""
    grown = make_dataclass("Item", [("colour", str, "red")], bases=(Item,), frozen=True, kw_only=True)
    RowMapping(Item, table("id", "size", "label"), ITEM)
    with pytest.raises(RowMappingError) as caught:
        RowMapping(grown, table("id", "size", "label"), ITEM)
    assert str(caught.value) == (
        "Item and table items: field colour has no column. "
        "Add column colour to the table, or give the field a conversion, or name it in `without` or `given`."
    )


def test_a_column_added_to_the_table_alone_is_found() -> None:
    with pytest.raises(RowMappingError) as caught:
        RowMapping(Item, table("id", "size", "label", "colour"), ITEM)
    assert str(caught.value) == (
        "Item and table items: column colour belongs to no field. "
        "Add field colour, convert a field into it, or name it in `computed` or `own`."
    )


class Plain:
    def __init__(self, text: str) -> None:
        self.text = text


@dataclass(frozen=True)
class WithPlain:
    plain: Plain


@dataclass(frozen=True)
class WithAddress:
    address: Address


@dataclass(frozen=True)
class WithEvents:
    id: int
    events: tuple[str, ...] = ()


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no dataclass": (
        lambda: RowMapping(Plain, table("text")),
        "Plain and table items: class Plain is no dataclass. "
        "Make it one, or use `converted` with two functions.",
    ),
    "a conversion of an unknown field": (
        lambda: RowMapping(Item, table("id", "size", "label"), {**ITEM, "colour": by_value(Size)}),
        "Item and table items: `conversions` names colour, which is no field. "
        "Correct the name; the fields are id, size, label.",
    ),
    "an unknown field left out": (
        lambda: RowMapping(Item, table("id", "size", "label"), ITEM, without=("colour",)),
        "Item and table items: `without` names colour, which is no field. "
        "Correct the name; the fields are id, size, label.",
    ),
    "an unknown field given": (
        lambda: RowMapping(Item, table("id", "size", "label"), ITEM, given=("colour",)),
        "Item and table items: `given` names colour, which is no field. "
        "Correct the name; the fields are id, size, label.",
    ),
    "a field left out that has no default": (
        lambda: RowMapping(Item, table("id", "label"), {"label": wrapped(Label, "text")}, without=("size",)),
        "Item and table items: `without` names field size, which has no default. "
        "Give it a default, or name it in `given` and pass it to `from_row`.",
    ),
    "a field named twice": (
        lambda: RowMapping(WithEvents, table("id"), without=("events",), given=("events",)),
        "WithEvents and table items: field events is named twice in `conversions`, `without` and `given`. "
        "Keep one.",
    ),
    "a field given twice": (
        lambda: RowMapping(WithEvents, table("id"), given=("events", "events")),
        "WithEvents and table items: field events is named twice in `conversions`, `without` and `given`. "
        "Keep one.",
    ),
    "a column that is not there": (
        lambda: RowMapping(Item, table("id", "size"), {**ITEM, "label": in_column("title")}),
        "Item and table items: field label is stored in column title, and the table has no such column. "
        "Add column title to the table, or correct the name; its columns are id, size.",
    ),
    "one of several columns that is not there": (
        lambda: RowMapping(
            Item, table("id", "size"), {**ITEM, "label": in_columns(("a", "b"), tuple, Label)}
        ),
        "Item and table items: field label is stored in column a, and the table has no such column. "
        "Add column a to the table, or correct the name; its columns are id, size.",
    ),
    "a column of two fields": (
        lambda: RowMapping(Item, table("id", "size"), {**ITEM, "label": in_column("size")}),
        "Item and table items: field label is stored in column size, which something else fills too. "
        "Remove one of the two.",
    ),
    "a computed column that is not there": (
        lambda: RowMapping(Item, table("id", "size", "label"), ITEM, computed={"sum": lambda item: item.id}),
        "Item and table items: `computed` names column sum, and the table has no such column. "
        "Add column sum to the table, or correct the name; its columns are id, size, label.",
    ),
    "a computed column that is a field": (
        lambda: RowMapping(Item, table("id", "size", "label"), ITEM, computed={"id": lambda item: item.id}),
        "Item and table items: field id is stored in column id, which something else fills too. "
        "Remove one of the two.",
    ),
    "an own column that is not there": (
        lambda: RowMapping(Item, table("id", "size", "label"), ITEM, own=("shop",)),
        "Item and table items: `own` names column shop, and the table has no such column. "
        "Add column shop to the table, or correct the name; its columns are id, size, label.",
    ),
    "an own column that cannot be a parameter": (
        lambda: RowMapping(Item, table("id", "size", "label", "in"), ITEM, own=("in",)),
        "Item and table items: `own` names in, which cannot be a parameter. Give it a name that is a Python "
        "identifier, no keyword, and does not end in an underscore.",
    ),
    "a value object of two fields wrapped": (
        lambda: RowMapping(WithAddress, table("address"), {"address": wrapped(Address, "city")}),
        "WithAddress and table items: field address is wrapped as Address of city, "
        "and the fields of Address are street, city. Name its only field, or use `embedded`.",
    ),
    "a class wrapped that is no dataclass": (
        lambda: RowMapping(WithPlain, table("plain"), {"plain": wrapped(Plain, "text")}),
        "WithPlain and table items: class Plain of field plain is no dataclass. "
        "Make it one, or use `converted` with two functions.",
    ),
    "an embedded field without a column": (
        lambda: RowMapping(WithAddress, table("street"), {"address": embedded(Address)}),
        "WithAddress and table items: field address.city has no column. "
        "Add column city to the table, or give the field a conversion.",
    ),
    "a conversion of an unknown embedded field": (
        lambda: RowMapping(
            WithAddress, table("street", "city"), {"address": embedded(Address, {"zip": by_value(Size)})}
        ),
        "WithAddress and table items: `embedded` of field address names zip, which is no field. "
        "Correct the name; the fields are street, city.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mapping_that_does_not_fit_is_refused_and_says_what_to_do(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(RowMappingError) as caught:
        make()
    assert str(caught.value) == message


def test_every_database_gives_back_the_whole(url: str) -> None:
    engine = connect(url)
    METADATA.create_all(engine)
    row = PARCELS_MAPPING.to_row(EXAMPLE, shop=9)
    with engine.begin() as connection:
        connection.execute(insert(PARCELS), row)
        (found,) = connection.execute(select(PARCELS))
    engine.dispose()
    assert PARCELS_MAPPING.from_row(found, stamps=()) == EXAMPLE
