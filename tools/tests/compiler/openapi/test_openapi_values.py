"""Every kind of value through the generated edge, against protobuf's own JSON mapping."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aether_adapters.kernel.errors import Malformed
from google.protobuf import json_format

SMALLEST: dict[str, Any] = {
    "aColour": "COLOUR_RED",
    "aLeaf": {"name": "", "weight": "0", "leaves": []},
    "aPlain": {"name": "", "ripe": False},
    "aTimestamp": "1970-01-01T00:00:00Z",
    "aDuration": "0s",
    "aMask": "",
    "aStruct": {},
    "aValue": None,
    "aList": [],
}

FULL: dict[str, Any] = {
    "aDouble": 0.1,
    "aFloat": 0.1,
    "anInt32": -(2**31),
    "anInt64": "-9223372036854775808",
    "aUint32": 2**32 - 1,
    "aUint64": "18446744073709551615",
    "aSint32": -5,
    "aSint64": "9223372036854775807",
    "aFixed32": 7,
    "aFixed64": "8",
    "aSfixed32": -7,
    "aSfixed64": "-8",
    "aBool": True,
    "aString": "naïve ☃ 𝄞",
    "someBytes": "AP+/gA==",
    "aColour": "COLOUR_GREEN",
    "aSize": "SIZE_LARGE",
    "aLeaf": {"name": "a", "weight": "1", "leaves": [{"name": "b", "weight": "2", "leaves": []}]},
    "aPlain": {"name": "p", "ripe": True},
    "aTimestamp": "2024-02-29T23:59:59.000001Z",
    "aDuration": "-1.500s",
    "aMask": "displayName,address.zipCode",
    "aStruct": {"n": 3, "s": "x", "l": [1, None, {"d": 0.5}], "b": False},
    "aValue": [True, {"x": None}],
    "aList": ["a", 1, []],
    "class": "mammal",
    "maybeDouble": 1e300,
    "maybeFloat": 1.5,
    "maybeInt32": 0,
    "maybeInt64": "0",
    "maybeUint64": "1",
    "maybeBool": False,
    "maybeString": "",
    "maybeBytes": "",
    "maybeColour": "COLOUR_RED",
    "maybeLeaf": {"name": "c", "weight": "3", "leaves": []},
    "maybeTimestamp": "0001-01-01T00:00:00Z",
    "maybeDuration": "315576000000s",
    "maybeStruct": {},
    "wrappedString": "",
    "wrappedInt64": "-1",
    "wrappedBool": False,
    "wrappedDouble": 0.0,
    "wrappedBytes": "AA==",
    "wrappedUint32": 4294967295,
    "strings": ["", "x"],
    "longs": ["1", "-2"],
    "ints": [1, 9],
    "colours": ["COLOUR_RED", "COLOUR_GREEN"],
    "leaves": [{"name": "d", "weight": "4", "leaves": []}],
    "plains": [{"name": "q", "ripe": False}],
    "timestamps": ["9999-12-31T23:59:59.999999Z", "2024-01-01T00:00:00.120Z"],
    "blobs": ["", "/+8="],
    "doubles": [0.0, -1.5],
    "labels": {"a": "b", "": ""},
    "counts": {"a": "1"},
    "byInt32": {"-1": "x"},
    "byInt64": {"9223372036854775807": "x"},
    "byBool": {"true": "yes", "false": "no"},
    "leafByName": {"a/b": {"name": "e", "weight": "5", "leaves": []}},
    "plainByName": {"p": {"name": "r", "ripe": True}},
    "colourByName": {"g": "COLOUR_GREEN"},
    "byUint64": {"18446744073709551615": 2.5},
    "byLeaf": {"name": "f", "weight": "6", "leaves": []},
}


def over_grpc(codec: Any, pb: Any, document: dict[str, Any]) -> Any:
    """The value protobuf reads from the same JSON."""
    message = json_format.ParseDict(document, pb.Everything())
    return codec.MIRROR.request.from_wire(message.SerializeToString())


def by_protobuf(codec: Any, pb: Any, value: Any) -> Any:
    """The JSON protobuf writes of the same value."""
    message = pb.Everything.FromString(codec.MIRROR.request.to_wire(value))
    return json_format.MessageToDict(message, always_print_fields_with_no_presence=True)


@pytest.mark.parametrize("document", [SMALLEST, FULL], ids=["smallest", "full"])
def test_a_request_becomes_the_value_protobuf_reads(
    edge: Any, codec: Any, pb: Any, document: dict[str, Any]
) -> None:
    assert edge.decode("mirror", body=document) == over_grpc(codec, pb, document)


@pytest.mark.parametrize("document", [SMALLEST, FULL], ids=["smallest", "full"])
def test_a_result_becomes_the_json_protobuf_writes(
    edge: Any, codec: Any, pb: Any, document: dict[str, Any]
) -> None:
    value = over_grpc(codec, pb, document)
    reply = edge.encode("mirror", value)
    assert (reply.status, reply.headers) == (200, ())
    assert orjson.loads(orjson.dumps(reply.body)) == by_protobuf(codec, pb, value)


def test_the_full_document_comes_back_as_it_went_in(edge: Any) -> None:
    reply = edge.encode("mirror", edge.decode("mirror", body=FULL))
    assert json.loads(orjson.dumps(reply.body)) == FULL


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("byWord", "w"),
        ("byNumber", "12"),
        ("byLeaf", {"name": "", "weight": "0", "leaves": []}),
        ("byPlain", {"name": "", "ripe": False}),
        ("byMoment", "2024-01-01T00:00:00Z"),
    ],
)
def test_each_member_of_a_oneof_is_read_and_written_as_protobuf_does(
    edge: Any, codec: Any, pb: Any, name: str, value: object
) -> None:
    document = SMALLEST | {name: value}
    read = edge.decode("mirror", body=document)
    assert read == over_grpc(codec, pb, document)
    assert edge.encode("mirror", read).body[name] == value


def test_two_members_of_a_oneof_are_refused(edge: Any) -> None:
    with pytest.raises(Malformed, match="more than one of byWord, byNumber"):
        edge.decode("mirror", body=SMALLEST | {"byWord": "w", "byNumber": "1"})


def test_null_means_absent_where_the_field_has_presence(edge: Any) -> None:
    nothing = dict.fromkeys(
        [
            "maybeInt32",
            "maybeInt64",
            "maybeBool",
            "maybeString",
            "maybeColour",
            "wrappedString",
            "wrappedBytes",
        ]
    )
    assert edge.decode("mirror", body=SMALLEST | nothing) == edge.decode("mirror", body=SMALLEST)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"anInt32": 2**31}, "/anInt32"),
        ({"anInt64": "9223372036854775808"}, "/anInt64"),
        ({"aUint64": "-1"}, "/aUint64"),
        ({"aFloat": 1e39}, "/aFloat"),
        ({"someBytes": "A"}, "/someBytes"),
        ({"aTimestamp": "2024-02-30T00:00:00Z"}, "/aTimestamp"),
        ({"aDuration": "315576000001s"}, "/aDuration"),
        ({"aMask": "not_camel"}, "/aMask"),
        ({"aStruct": {"a": [float("nan")]}}, "/aStruct/a/0"),
        ({"maybeLeaf": {"name": "", "weight": "x", "leaves": []}}, "/maybeLeaf/weight"),
        ({"longs": ["1", "+2"]}, "/longs/1"),
        ({"leaves": [{"name": "", "weight": "1", "leaves": [{"name": "", "weight": "", "leaves": []}]}]},
         "/leaves/0/leaves/0/weight"),
        ({"counts": {"a/b": "x"}}, "/counts/a~1b"),
        ({"byInt32": {"2147483648": ""}}, "/byInt32"),
        ({"byBool": {"yes": ""}}, "/byBool"),
        ({"byNumber": "1.0"}, "/byNumber"),
    ],
)  # fmt: skip
def test_what_no_schema_can_say_is_malformed_at_its_place(
    edge: Any, document: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Malformed) as malformed:
        edge.decode("mirror", body=SMALLEST | document)
    assert malformed.value.pointer == pointer


def test_times_are_aware_and_in_utc(edge: Any) -> None:
    value = edge.decode("mirror", body=SMALLEST | {"aTimestamp": "2024-01-01T01:30:00.5+01:30"})
    assert value.a_timestamp == datetime(2024, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    assert value.a_timestamp.tzinfo is UTC
    assert value.a_duration == timedelta()
