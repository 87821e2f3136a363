"""Values of every construct of a contract survive a round trip to bytes and back."""

from __future__ import annotations

import dataclasses
import importlib
import sys
import typing
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aether_adapters.kernel.errors import Malformed
from aether_tools.compiler.model import naming
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MAX_DEPTH = 2
"""Levels of nested messages in a generated value."""

_SIGNED = {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32}
_UNSIGNED = {FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32}
_LONG = {FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64}
_LONG_UNSIGNED = {FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64}


@pytest.fixture(scope="module")
def ark(zoo: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Imports the generated modules of zoo.ark.v1 by name."""
    sys.path.insert(0, str(zoo / "proto/gen"))
    yield lambda name: importlib.import_module(f"zoo.ark.v1.{name}")
    sys.path.remove(str(zoo / "proto/gen"))


JSON: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MOMENTS = st.datetimes(timezones=st.just(UTC))
SPANS = st.timedeltas(timedelta(days=-3_652_500), timedelta(days=3_652_500))
WELL_KNOWN = {
    "google.protobuf.Timestamp": MOMENTS,
    "google.protobuf.Duration": SPANS,
    "google.protobuf.FieldMask": st.lists(st.text("abc_."), max_size=3).map(tuple),
    "google.protobuf.Struct": st.dictionaries(st.text(), JSON, max_size=3),
    "google.protobuf.Value": JSON,
    "google.protobuf.ListValue": st.lists(JSON, max_size=3).map(tuple),
}


def _tells_itself_apart(field: FieldDescriptor) -> bool:
    """Whether a oneof's member is a message of the workspace that no other member is."""
    kind, oneof = field.message_type, field.containing_oneof
    if kind is None or oneof is None or kind.full_name.startswith("google.protobuf."):
        return False
    return [each.message_type for each in oneof.fields].count(kind) == 1


class Values:
    """Strategies for the classes of one module, built from protobuf's own descriptors."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def message(self, descriptor: Descriptor, depth: int = MAX_DEPTH) -> st.SearchStrategy[Any]:
        """Return a strategy for values of a message."""
        name = descriptor.full_name
        if name in WELL_KNOWN:
            return WELL_KNOWN[name]
        if name == "google.protobuf.Empty":
            return st.builds(self._module.Empty)
        if name.startswith("google.protobuf."):
            return self._one(descriptor.fields_by_name["value"], depth)
        cls = self._class(descriptor)
        fields: dict[str, st.SearchStrategy[Any]] = {}
        for field in descriptor.fields:
            oneof = field.containing_oneof
            if oneof is None or oneof.name.startswith("_"):
                fields[naming.field_name(field.name)] = self._field(field, depth)
            else:
                fields.setdefault(naming.field_name(oneof.name), st.none())
                member = self._one(field, depth)
                if not _tells_itself_apart(field):
                    wrapper = getattr(self._module, f"{cls.__name__}{naming.pascal(field.name)}")
                    member = st.builds(wrapper, value=member)
                fields[naming.field_name(oneof.name)] |= member
        return st.builds(cls, **fields)

    def _class(self, descriptor: Descriptor) -> Any:
        path = descriptor.full_name.removeprefix(f"{descriptor.file.package}.")
        return getattr(self._home(descriptor.file.package), naming.class_name(path))

    def _home(self, package: str) -> ModuleType:
        return (
            self._module
            if self._module.__name__.startswith(package)
            else importlib.import_module(f"{package}.types")
        )

    def _field(self, field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            key, value = kind.fields_by_name["key"], kind.fields_by_name["value"]
            return (
                st.dictionaries(self._one(key, depth), self._one(value, depth), max_size=2)
                if depth
                else st.just({})
            )
        if field.is_repeated:
            return st.lists(self._one(field, depth), max_size=2).map(tuple) if depth else st.just(())
        wrapper = kind is not None and kind.full_name.endswith("Value") and kind.full_name not in WELL_KNOWN
        if wrapper or (field.containing_oneof is not None and field.has_presence):
            return st.none() | self._one(field, depth) if depth else st.none()
        return self._one(field, depth)

    def _one(self, field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
        kind, message, enum = field.type, field.message_type, field.enum_type
        if message is not None:
            return st.deferred(lambda: self.message(message, max(0, depth - 1)))
        if enum is not None:
            path = enum.full_name.removeprefix(f"{enum.file.package}.")
            return st.sampled_from(getattr(self._home(enum.file.package), naming.class_name(path)))
        if kind in _SIGNED | _LONG:
            bits = 31 if kind in _SIGNED else 63
            return st.integers(-(2**bits), 2**bits - 1)
        if kind in _UNSIGNED | _LONG_UNSIGNED:
            return st.integers(0, 2 ** (32 if kind in _UNSIGNED else 64) - 1)
        return {
            FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
            FieldDescriptor.TYPE_FLOAT: st.floats(allow_nan=False, width=32),
            FieldDescriptor.TYPE_BOOL: st.booleans(),
            FieldDescriptor.TYPE_STRING: st.text(),
            FieldDescriptor.TYPE_BYTES: st.binary(),
        }[kind]


def test_any_value_of_every_construct_survives_a_round_trip(ark: Callable[[str], ModuleType]) -> None:
    codec, types, pb = ark("codec"), ark("types"), ark("ark_pb2")

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(Values(types).message(pb.Everything.DESCRIPTOR))
    def survives(value: Any) -> None:
        assert codec.everything_from_wire(codec.everything_to_wire(value)) == value

    survives()


def test_any_event_survives_a_round_trip(ark: Callable[[str], ModuleType]) -> None:
    events, pb = ark("events"), ark("events_pb2")
    types = ark("types")
    both = ModuleType("zoo.ark.v1.both")
    vars(both).update({**vars(types), **vars(events), "__name__": "zoo.ark.v1.both"})

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(Values(both).message(pb.FloodEnded.DESCRIPTOR))
    def survives(event: Any) -> None:
        assert events.from_bytes(event.TYPE, events.to_bytes(event)) == event

    survives()


def test_every_field_of_a_message_is_an_attribute_of_its_class(ark: Callable[[str], ModuleType]) -> None:
    types, pb = ark("types"), ark("ark_pb2")
    for name in ("Scalars", "Choices", "Lists", "Maps", "Names", "JsonLike"):
        descriptor = pb.DESCRIPTOR.message_types_by_name[name]
        plain = [
            field
            for field in descriptor.fields
            if field.containing_oneof is None or field.containing_oneof.name[0] == "_"
        ]
        attributes = {field.name for field in dataclasses.fields(getattr(types, name))}
        assert {naming.field_name(field.name) for field in plain} <= attributes


def test_values_are_frozen_slotted_and_have_the_contracts_comment(ark: Callable[[str], ModuleType]) -> None:
    animal = ark("types").Animal
    assert animal.__doc__ == "An animal, which may have young of its own kind."
    assert animal.__dataclass_params__.frozen
    assert "__dict__" not in dir(animal)
    assert typing.get_type_hints(animal)["mother"] == animal | None


def _animal(pb: ModuleType) -> Any:
    return pb.Animal(
        name="Ada", diet="DIET_PLANTS", tag=pb.Animal.Tag(code="a", chip=pb.Animal.Tag.Chip(serial=1))
    )


def test_a_missing_required_message_is_malformed(ark: Callable[[str], ModuleType]) -> None:
    animal = _animal(ark("ark_pb2"))
    animal.tag.ClearField("chip")
    with pytest.raises(Malformed, match=r"^Animal\.Tag\.chip: is required$"):
        ark("codec").animal_from_pb(animal)


def test_an_unspecified_enum_is_malformed(ark: Callable[[str], ModuleType]) -> None:
    animal = _animal(ark("ark_pb2"))
    animal.diet = 0
    with pytest.raises(Malformed, match=r"^Animal\.diet: is required$"):
        ark("codec").animal_from_pb(animal)


def test_an_unknown_enum_number_is_malformed(
    ark: Callable[[str], ModuleType],
) -> None:
    animal = _animal(ark("ark_pb2"))
    animal.diet = 99
    with pytest.raises(Malformed, match=r"^Animal\.diet: is no value of this enum$"):
        ark("codec").animal_from_pb(animal)


@pytest.mark.parametrize(
    ("seconds", "nanos", "reason"),
    [
        (0, 1, "is finer than microseconds"),
        (0, 1_000_000_000, "has nanoseconds outside a second"),
        (0, -1_000, "has nanoseconds outside a second"),
        (253_402_300_800, 0, "is outside the years 1 to 9999"),
        (-62_135_596_801, 0, "is outside the years 1 to 9999"),
        (2**63 - 1, 0, "is outside the years 1 to 9999"),
    ],
)
def test_a_timestamp_that_a_datetime_cannot_hold_is_malformed(
    seconds: int, nanos: int, reason: str, ark: Callable[[str], ModuleType]
) -> None:
    fare = ark("ark_pb2").Fare(label="x")
    fare.promised_by.seconds, fare.promised_by.nanos = seconds, nanos
    with pytest.raises(Malformed, match=rf"^Fare\.promised_by: {reason}$"):
        ark("codec").fare_from_pb(fare)


@pytest.mark.parametrize(
    ("seconds", "nanos", "reason"),
    [
        (1, 1, "is finer than microseconds"),
        (1, -1_000, "has seconds and nanoseconds of different signs"),
        (315_576_000_001, 0, "is longer than a duration can be"),
        (0, 1_000_000_000, "is longer than a duration can be"),
    ],
)
def test_an_invalid_duration_is_malformed(
    seconds: int, nanos: int, reason: str, ark: Callable[[str], ModuleType]
) -> None:
    choices = ark("ark_pb2").Choices()
    choices.pause.seconds, choices.pause.nanos = seconds, nanos
    with pytest.raises(Malformed, match=rf"^Choices\.pause: {reason}$"):
        ark("codec").choices_from_pb(choices)


def test_a_datetime_without_a_time_zone_is_a_type_error(ark: Callable[[str], ModuleType]) -> None:
    types, codec = ark("types"), ark("codec")
    naive = types.Fare(label="x", paid=True, payment=types.FarePromisedBy(datetime(2026, 1, 1)))
    with pytest.raises(TypeError, match="offset-naive"):
        codec.fare_to_pb(naive)


def test_a_datetime_of_another_zone_becomes_the_same_instant_in_utc(ark: Callable[[str], ModuleType]) -> None:
    from zoneinfo import ZoneInfo

    types, codec = ark("types"), ark("codec")
    moment = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    fare = types.Fare(label="x", paid=True, payment=types.FarePromisedBy(moment))
    (back,) = [codec.fare_from_pb(codec.fare_to_pb(fare)).payment.value]
    assert back == moment
    assert back.tzinfo is UTC


def test_bytes_that_are_not_a_message_are_malformed(ark: Callable[[str], ModuleType]) -> None:
    with pytest.raises(Malformed, match=r"these bytes are no zoo\.ark\.v1\.Everything"):
        ark("codec").everything_from_wire(b"\xff\xff\xff")
    with pytest.raises(Malformed, match=r"these bytes are no zoo\.ark\.v1\.FloodEnded"):
        ark("events").from_bytes("zoo.ark.v1.FloodEnded", b"\xff\xff\xff")


def test_an_unknown_event_is_malformed(ark: Callable[[str], ModuleType]) -> None:
    with pytest.raises(Malformed, match=r"type: zoo\.ark\.v1\.Drought is no event of zoo\.ark\.v1"):
        ark("events").from_bytes("zoo.ark.v1.Drought", b"")


def test_a_request_that_contains_a_caller_is_malformed(ark: Callable[[str], ModuleType]) -> None:
    forged = ark("ark_pb2").ImportRequest(caller={"subject": "root"})
    with pytest.raises(Malformed, match="caller: is filled from the token; leave it out"):
        ark("codec").import_request_from_wire(forged.SerializeToString())


def test_the_caller_of_a_request_is_never_serialised(ark: Callable[[str], ModuleType]) -> None:
    types, codec = ark("types"), ark("codec")
    caller = importlib.import_module("zoo.common.v1.types").Caller(subject="ada", roles=("clerk",))
    request = types.ImportRequest(caller=caller, from_="Ararat")
    assert codec.import_request_from_wire(codec.import_request_to_wire(request)) == types.ImportRequest(
        from_="Ararat"
    )
