"""Operations of the generated edge: where each input comes from, and what each result becomes."""

from __future__ import annotations

import importlib
import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.identity import ANONYMOUS, Access
from aether_adapters.rest import Reply

KITCHEN = (Path(__file__).with_name("kitchen") / "openapi" / "kitchen.yaml").read_text(encoding="utf-8")
NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="session")
def caller(types: Any) -> Any:
    return types.SearchRequest.__dataclass_fields__["caller"].default.__class__(
        subject="ada", roles=("cook",), session="s1"
    )


def test_each_operation_says_who_may_call_it(edge: Any) -> None:
    found = {name: (each.access, each.scopes, each.needs_raw_body) for name, each in edge.operations.items()}
    assert found == {
        "mirror": (Access.PUBLIC, frozenset(), False),
        "search": (Access.CALLER, frozenset({"things.read", "shelves.read"}), False),
        "moveThing": (Access.CALLER, frozenset(), False),
        "startJob": (Access.CALLER, frozenset(), False),
        "open": (Access.PUBLIC, frozenset(), False),
        "receive": (Access.PUBLIC, frozenset(), True),
        "rename": (Access.CALLER, frozenset(), False),
        "say": (Access.PUBLIC, frozenset(), False),
        "ping": (Access.PUBLIC, frozenset(), False),
    }


def test_parameters_fill_fields_and_what_is_absent_is_zero_or_none(
    edge: Any, types: Any, caller: Any
) -> None:
    read = edge.decode(
        "search", path={"shelf": "7", "parts": ["a", "b"]}, query={"tags": ["fresh"], "page": 1}, header={}
    )
    assert read == types.SearchRequest(
        caller=caller,
        shelf=7,
        tags=("fresh",),
        page=1,
        offset=0,
        weight=0.0,
        strict=False,
        trace="",
        size=types.Size.SMALL,
        parts=("a", "b"),
    )


def test_every_parameter_that_is_sent_arrives_typed(edge: Any, types: Any, caller: Any) -> None:
    read = edge.decode(
        "search",
        path={"shelf": "-7", "parts": ["a"]},
        query={
            "ids": ["1", "2"],
            "tags": [],
            "colours": ["COLOUR_RED"],
            "colour": "COLOUR_GREEN",
            "page": 3,
            "offset": "18446744073709551615",
            "weight": 2,
            "strict": True,
            "since": "2024-01-02T03:04:05Z",
            "size": "SIZE_LARGE",
        },
        header={"X-Trace": "t", "If-None-Match": '"12"', "X-Marks": ["m", "n"]},
    )
    assert read == types.SearchRequest(
        caller=caller,
        shelf=-7,
        ids=(1, 2),
        tags=(),
        colours=(types.Colour.RED,),
        colour=types.Colour.GREEN,
        page=3,
        offset=2**64 - 1,
        weight=2.0,
        strict=True,
        since=NOW,
        trace="t",
        version=12,
        marks=("m", "n"),
        size=types.Size.LARGE,
        parts=("a",),
    )


@pytest.mark.parametrize(
    ("inputs", "pointer"),
    [
        ({"query": {"ids": ["1", "x"]}}, "ids/1"),
        ({"query": {"offset": "-1"}}, "offset"),
        ({"header": {"If-None-Match": 'W/"1"'}}, "If-None-Match"),
    ],
)
def test_a_malformed_parameter_is_named(edge: Any, inputs: dict[str, Any], pointer: str) -> None:
    whole = {"path": {"shelf": "1", "parts": []}, "query": {"tags": [], "page": 1} | inputs.pop("query", {})}
    with pytest.raises(Malformed) as malformed:
        edge.decode("search", **whole, **inputs)
    assert malformed.value.pointer == pointer


def test_inputs_fill_fields_of_fields(edge: Any, types: Any, caller: Any) -> None:
    read = edge.decode(
        "moveThing", path={"shelf": "s"}, query={"name": "pie", "row": 3}, body={"reason": "tidy"}
    )
    target = types.Target(shelf="s", plain=types.Plain(name="pie", ripe=False), row=3)
    assert read == types.MoveRequest(caller=caller, target=target, why="tidy")


@pytest.mark.parametrize("body", [None, {}])
def test_a_body_that_may_be_left_out_has_its_defaults(edge: Any, body: object) -> None:
    assert edge.decode("moveThing", path={"shelf": "s"}, query={"name": "pie"}, body=body).why == "none"


def test_a_caller_in_an_open_body_is_refused(edge: Any) -> None:
    with pytest.raises(Malformed) as malformed:
        edge.decode(
            "moveThing", path={"shelf": "s"}, query={"name": "pie"}, body={"caller": {"subject": "eve"}}
        )
    assert malformed.value.pointer == "/caller"


def test_nothing_is_answered_by_204(edge: Any, types: Any) -> None:
    assert edge.encode("moveThing", types.Empty()) == Reply(204)
    assert edge.decode("ping") == types.Empty()
    assert edge.encode("ping", types.Empty()) == Reply(204)


def test_the_first_status_whose_field_is_set_is_answered(edge: Any, types: Any) -> None:
    job = types.Job(id=9, seconds=30)
    receipt = types.Plain(name="r", ripe=True)
    assert edge.encode("startJob", types.StartResponse(created=True, job=job, version=3, slug="s")) == Reply(
        202, ((b"location", b"/v1/jobs/9"), (b"retry-after", b"30")), {"id": "9", "seconds": 30}
    )
    assert edge.encode("startJob", types.StartResponse(created=True, version=3, slug="a b/ü")) == Reply(
        201, (("location", "/v1/things/a%20b%2F%C3%BC?v=3"), (b"etag", b'"3"'))
    )
    assert edge.encode(
        "startJob", types.StartResponse(created=False, receipt=receipt, version=0, slug="")
    ) == Reply(200, (), {"receipt": {"name": "r", "ripe": True}})


def test_a_body_may_be_one_field_and_headers_the_rest(edge: Any, types: Any) -> None:
    found = (types.Plain(name="a", ripe=False),)
    headers = ((b"x-total", b"1"), ("x-at", "2024-01-02T03:04:05Z"), ("x-cursor", "c"))
    body = [{"name": "a", "ripe": False}]
    late = types.SearchResponse(found=found, total=1, at=NOW, cursor="c", retry_after=5)
    assert edge.encode("search", late) == Reply(200, (*headers, (b"retry-after", b"5")), body)
    soon = types.SearchResponse(found=found, total=1, at=NOW, cursor="c")
    assert edge.encode("search", soon) == Reply(200, headers, body)


def test_what_is_read_only_is_written_and_never_read(edge: Any, types: Any) -> None:
    read = edge.decode("open", body={"name": "n", "password": "secret", "groups": []})
    assert read == types.Account(name="n", password="secret")
    with pytest.raises(Malformed) as malformed:
        edge.decode("open", body={"name": "n", "password": "secret", "groups": [], "id": "1"})
    assert malformed.value.pointer == "/id"


def test_what_is_write_only_is_never_written(edge: Any, types: Any) -> None:
    account = types.Account(id=5, name="n", password="secret", groups=("g",))
    assert edge.encode("open", account).body == {"id": "5", "name": "n", "groups": ["g"]}


def test_bytes_and_the_clients_address_reach_the_request(edge: Any, types: Any) -> None:
    read = edge.decode(
        "receive",
        raw_body=b"\x00\xff",
        body=b"\x00\xff",
        client_address="192.0.2.1",
        header={"X-Signature": "sig"},
        identity=ANONYMOUS,
    )
    assert read == types.ReceiveRequest(payload=b"\x00\xff", address="192.0.2.1", signature="sig")


def test_a_body_may_be_one_field_of_the_request(edge: Any, types: Any, caller: Any) -> None:
    read = edge.decode("rename", path={"id": "3"}, body={"name": "a", "ripe": True})
    assert read == types.RenameRequest(caller=caller, id=3, plain=types.Plain(name="a", ripe=True))


def test_the_parts_of_an_allof_are_one_object(edge: Any, types: Any) -> None:
    value = types.RenameResponse(plains=(types.Plain(name="a", ripe=True),), version=2)
    assert edge.encode("rename", value).body == {"version": "2", "plains": [{"name": "a", "ripe": True}]}


def test_a_deprecated_operation_says_so_where_it_is_read(edge: Any) -> None:
    assert inspect.getdoc(edge.operations["search"].decode) == "Looks for things.\n\nDeprecated."


def test_messages_may_have_names_that_are_taken(edge: Any, types: Any) -> None:
    body = {"operation": {"name": "o"}, "shared": {"weight": "7"}, "own": {"name": "p", "ripe": True}}
    read = edge.decode("say", body=body)
    parcel = importlib.import_module("oas.common.v1.types").Parcel(weight=7)
    own = types.Plain(name="p", ripe=True)
    assert read == types.Reply(operation=types.Operation(name="o"), shared=parcel, own=own)
    assert edge.encode("say", read) == Reply(200, (), body)


def test_json_whose_bytes_are_wanted_is_not_read(kitchen: Any, load: Any, types: Any) -> None:
    yaml = KITCHEN.replace(
        "application/octet-stream:\n            schema: {type: string, format: binary}",
        "application/json:\n            schema: {type: object}",
    )
    signed = load(kitchen.compile(yaml))
    read = signed.decode("receive", raw_body=b'{"a":1}', body={"a": 1}, header={"X-Signature": "s"})
    assert read == types.ReceiveRequest(payload=b'{"a":1}', address="", signature="s")


def test_nothing_may_be_answered_by_an_empty_object(kitchen: Any, load: Any, types: Any) -> None:
    body = "'200': {description: Here., content: {application/json: {schema: {type: object}}}}"
    here = load(kitchen.compile(KITCHEN.replace("'204': {description: Here.}", body)))
    assert here.encode("ping", types.Empty()) == Reply(200, (), {})
