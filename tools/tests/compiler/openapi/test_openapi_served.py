"""The generated edge behind the REST kit: what a client sends over HTTP reaches the port, and the answer the client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from aether_adapters.kernel.identity import Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.rest import RestOptions, build_app

Ask = Callable[..., httpx.Response]


class Port:
    """Answers every operation with what the test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer: Any = None

    def __getattr__(self, name: str) -> Any:
        async def call(request: Any, /) -> Any:
            self.asked.append(request)
            return request if self.answer is None else self.answer

        return call


@pytest.fixture
def served(edge: Any) -> SimpleNamespace:
    port = Port()
    app = build_app(
        edge.module.CONTRACT,
        edge.module.operations(port),
        errors=ErrorTable("kitchen", {}),
        verify=lambda token: Identity(subject=token, scopes=frozenset({"things.read", "shelves.read"})),
        health=Health({}),
        options=RestOptions(access_log=False),
    )

    def ask(method: str, url: str, **kwargs: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://edge/v1", trust_env=False
            ) as client:
                return await client.request(method, url, **kwargs)

        return asyncio.run(once())

    return SimpleNamespace(port=port, ask=ask)


ADA = {"authorization": "Bearer ada"}


def test_a_search_arrives_with_every_parameter(served: Any, types: Any) -> None:
    served.port.answer = types.SearchResponse(
        found=(), total=0, at=datetime(2024, 1, 2, tzinfo=UTC), cursor="c", retry_after=None
    )
    response = served.ask(
        "GET",
        "/shelves/7/things/a,b?ids=1&ids=2&colour=COLOUR_RED&weight=1.5&strict=true&since=2024-01-02T03:04:05Z",
        headers={**ADA, "x-trace": "t", "if-none-match": '"3"', "x-marks": "m,n"},
    )
    assert (response.status_code, response.json()) == (200, [])
    assert response.headers["x-cursor"] == "c"
    (asked,) = served.port.asked
    assert (asked.caller.subject, asked.shelf, asked.parts, asked.ids) == ("ada", 7, ("a", "b"), (1, 2))
    assert (asked.colour, asked.weight, asked.strict) == (types.Colour.RED, 1.5, True)
    assert (asked.trace, asked.version, asked.marks) == ("t", 3, ("m", "n"))
    assert (asked.tags, asked.page, asked.size) == (("fresh",), 1, types.Size.SMALL)


def test_a_document_comes_back_as_it_was_sent(served: Any) -> None:
    leaf = {"name": "a", "weight": "1", "leaves": []}
    document = {
        "aDouble": 0.5, "aFloat": 0.1, "anInt32": 1, "anInt64": "2", "aUint32": 3, "aUint64": "4", "aSint32": 5,
        "aSint64": "6", "aFixed32": 7, "aFixed64": "8", "aSfixed32": 9, "aSfixed64": "10", "aBool": True,
        "aString": "ada@example.org", "someBytes": "AA==", "aColour": "COLOUR_RED", "aSize": "SIZE_LARGE",
        "aLeaf": leaf, "aPlain": {"name": "p", "ripe": True}, "aTimestamp": "2024-01-02T03:04:05Z",
        "aDuration": "1.500s", "aMask": "displayName", "aStruct": {"a": 1.5}, "aValue": "x", "aList": [True],
        "class": "c", "strings": ["s"], "longs": ["1"], "ints": [1], "colours": [], "leaves": [leaf], "plains": [],
        "timestamps": [], "blobs": [], "doubles": [0.25], "labels": {"k": "v"}, "counts": {"k": "1"},
        "byInt32": {"1": "x"}, "byInt64": {}, "byBool": {"true": "x"}, "leafByName": {"l": leaf}, "plainByName": {},
        "colourByName": {}, "byUint64": {}, "maybeString": "", "wrappedInt64": "5", "byNumber": "6",
    }  # fmt: skip
    response = served.ask("POST", "/mirror", json=document)
    assert response.status_code == 200, response.text
    assert response.json() == document


@pytest.mark.parametrize(
    ("url", "body", "pointer"),
    [
        ("/accounts", {"name": "n", "password": "p", "groups": [], "id": "1"}, "/id"),
        ("/mirror", {"aColour": "COLOUR_UNSPECIFIED"}, "/aColour"),
    ],
)
def test_a_body_that_breaks_the_contract_is_a_problem(served: Any, url: str, body: Any, pointer: str) -> None:
    response = served.ask("POST", url, json=body)
    assert response.status_code == 400
    assert pointer in [error["pointer"] for error in response.json()["errors"]]
    assert served.port.asked == []


def test_a_body_that_brings_its_own_caller_is_refused(served: Any) -> None:
    response = served.ask("PUT", "/targets/s?name=pie", json={"caller": {"subject": "eve"}}, headers=ADA)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/caller")
    assert served.port.asked == []


def test_a_body_that_may_be_left_out_is_left_out(served: Any, types: Any) -> None:
    served.port.answer = types.Empty()
    response = served.ask("PUT", "/targets/s?name=pie", headers=ADA)
    assert (response.status_code, response.content) == (204, b"")
    assert served.port.asked[0].why == "none"


def test_raw_bytes_arrive_as_they_were_sent(served: Any, types: Any) -> None:
    served.port.answer = types.ReceiveResponse(size=2)
    response = served.ask(
        "POST",
        "/receipts",
        content=b"\x00\xff",
        headers={"content-type": "application/octet-stream", "x-signature": "s"},
    )
    assert (response.status_code, response.json()) == (202, {"size": 2})
    assert (served.port.asked[0].payload, served.port.asked[0].address) == (b"\x00\xff", "127.0.0.1")


def test_a_chosen_status_carries_its_headers(served: Any, types: Any) -> None:
    served.port.answer = types.StartResponse(created=True, version=3, slug="a b")
    response = served.ask("POST", "/jobs", json={"name": "n"}, headers=ADA)
    assert (response.status_code, response.content) == (201, b"")
    assert (response.headers["location"], response.headers["etag"]) == ("/v1/things/a%20b?v=3", '"3"')
