"""E3: JSON and messages nested too deep, or wrong in very many places, are refused at once and everywhere alike."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final

import grpc
import httpx
import pytest
from aether_adapters.embedded import children
from aether_adapters.testing.waiting import eventually

from tests.attacks import rpc
from tests.attacks.conftest import Victim, victim_of
from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, ready

JSON: Final = {"content-type": "application/json"}
REMARK: Final = """
message Remark {
  string text = 1;
  optional Remark reply = 2;
  repeated Remark replies = 3;
  optional google.protobuf.Struct more = 4;
  optional google.protobuf.Timestamp at = 5;
  repeated int32 numbers = 6;
  // Either of two remarks.
  oneof choice {
    Remark left = 7;
    Remark right = 8;
  }
}
"""
REMARK_SCHEMA: Final = """
    Remark:
      type: object
      required: [text]
      properties:
        text: {type: string}
        reply: {$ref: '#/components/schemas/Remark'}
        replies: {type: array, items: {$ref: '#/components/schemas/Remark'}}
        more: {type: object, additionalProperties: true}
        at: {type: string, format: date-time}
        numbers: {type: array, items: {type: integer, format: int32}}
        left: {$ref: '#/components/schemas/Remark'}
        right: {$ref: '#/components/schemas/Remark'}
"""


@dataclass(frozen=True, slots=True)
class Both:
    """One service behind two REST servers: its own process, and a gateway in front of that."""

    victim: Victim
    gateway: str

    def create(self, body: bytes) -> httpx.Response:
        """Return the answer to `POST /v1/invoices`, which must be the same at both, ids and times aside."""
        headers = JSON | {"authorization": f"Bearer {self.victim.token}"}
        answers = [
            httpx.post(f"{base}/v1/invoices", content=body, headers=headers, timeout=30)
            for base in (self.victim.rest, self.gateway)
        ]
        alone, behind = answers
        assert alone.status_code == behind.status_code, (alone.text, behind.text)
        assert alone.status_code == 201 or alone.content == behind.content
        return alone


@pytest.fixture(scope="module")
def remarking(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Acme:
    """The domain billing, whose invoices are created with a recursive remark."""
    root = tmp_path_factory.mktemp("remarking") / "acme"
    shutil.copytree(billing.root, root)
    proto = root / "proto/acme/billing/v1/billing.proto"
    text = proto.read_text()
    text = text.replace(
        "message CreateInvoiceRequest {\n  acme.common.v1.Caller caller = 1;\n  string title = 2;\n",
        "message CreateInvoiceRequest {\n  acme.common.v1.Caller caller = 1;\n  string title = 2;\n  optional Remark remark = 3;\n",
    )
    text = text.replace(
        'import "google/protobuf/timestamp.proto";',
        'import "google/protobuf/struct.proto";\nimport "google/protobuf/timestamp.proto";',
    )
    proto.write_text(text + REMARK)
    openapi = root / "openapi/billing.yaml"
    text = openapi.read_text()
    head, _, tail = text.partition("    NewInvoice:\n")
    tail = tail.replace(
        "properties:\n", "properties:\n        remark: {$ref: '#/components/schemas/Remark'}\n", 1
    )
    openapi.write_text(head + REMARK_SCHEMA.lstrip("\n") + "    NewInvoice:\n" + tail)
    acme = Acme(root)
    acme.aether("generate").succeeded()
    return acme


@pytest.fixture(scope="module")
def both(remarking: Acme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with ExitStack() as stack:
        victim = stack.enter_context(victim_of(remarking, tmp_path_factory.mktemp("both")))
        port = children.free_port()
        settings = {"REST_PORT": str(port), "RPC_TARGET": victim.deployment.grpc}
        stack.enter_context(victim.deployment.started("api", **settings))
        gateway = f"http://127.0.0.1:{port}"
        eventually(lambda: ready(gateway), "the gateway is ready", START_SECONDS)
        yield Both(victim, gateway)


def nested(depth: int, kind: str) -> bytes:
    """Return a valid invoice of `depth` levels, the objects and lists of its remark."""
    if kind == "struct":
        return b'{"title":"t","remark":{"text":"","more":%s}}' % (
            b'{"a":' * (depth - 2) + b"1" + b"}" * (depth - 2)
        )
    opened, closed = (b"[", b"]") if kind == "replies" else (b"", b"")
    times = (depth - 2) // (2 if kind == "replies" else 1)
    before = b'{"text":"","%s":%s' % (kind.encode(), opened)
    innermost = b'{"text":"","at":"2026-01-01T00:00:00Z"}'
    return b'{"title":"t","remark":%s}' % (before * times + innermost + (closed + b"}") * times)


@pytest.mark.prove
@pytest.mark.parametrize("kind", ["reply", "replies", "left", "struct"])
@pytest.mark.parametrize("depth", [20, 34, 98, 100, 102, 130, 255, 300, 1000])
def test_a_gateway_answers_as_the_process_does_at_every_depth(both: Both, kind: str, depth: int) -> None:
    answer = both.create(nested(depth, kind))
    limit = 34 if kind == "struct" else 100
    assert answer.status_code == (201 if depth <= limit else 400), answer.text
    if depth > limit:
        [error] = answer.json()["errors"]
        assert error["pointer"].startswith("/remark/")
        assert "nested" in error["reason"]


@pytest.mark.prove
def test_a_struct_deep_inside_messages_is_the_same_at_both(both: Both) -> None:
    for replies in (1, 40, 66):
        for levels in (1, 10, 11, 12, 20, 32):
            value: dict[str, Any] = {"text": "", "more": json.loads(b'{"a":' * levels + b"1" + b"}" * levels)}
            for _ in range(replies):
                value = {"text": "", "reply": value}
            answer = both.create(json.dumps({"title": "t", "remark": value}).encode())
            assert answer.status_code in (201, 400), (replies, levels, answer.text)


BRACKETS: Final = b"[" * 1000 + b"]" * 1000
DEEP: Final = {
    "brackets": BRACKETS,
    "objects": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "inside": b'{"title":' + BRACKETS + b"}",
    "twice": b'{"title":"a","title":' + BRACKETS + b"}",
    "spaced": b'{"title" : ' + b"[ " * 255 + b"] " * 255 + b"}",
    "strings": b'{"title":"]]]]' + b"]" * 500 + b'","more":' + b"[" * 300 + b"]" * 300 + b"}",
    "escapes": b'{"title":"\\"","more":' + b'["\\\\",' * 300 + b"1" + b"]" * 300 + b"}",
    "half": b"[" * 100_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_json_is_a_400_with_and_without_meaning(victim: Victim, name: str) -> None:
    with victim.client() as client:
        answer = client.post("/v1/invoices", content=DEEP[name], headers=JSON)
    assert answer.status_code == 400, answer.text
    assert len(answer.content) < 1000


def test_brackets_inside_strings_are_no_depth(victim: Victim) -> None:
    with victim.client() as client:
        answer = client.post("/v1/invoices", json={"title": "[" * 60 + '"' + "{" * 60})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("part", ["header", "payload"])
def test_a_token_with_deep_json_is_a_401(victim: Victim, part: str) -> None:
    def encoded(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    deep = encoded("[" * 20_000 + "]" * 20_000)
    token = f"{deep}.e30.e30" if part == "header" else f"{victim.token.split('.')[0]}.{deep}.e30"
    answer = httpx.get(f"{victim.rest}/v1/tally", headers={"authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == 401, answer.text


@pytest.mark.prove
def test_a_deep_message_is_refused_at_the_grpc_server(both: Both) -> None:
    """Field 2 of Remark nests; field 3 of the request holds the first."""

    def message(depth: int) -> bytes:
        data = b""
        for _ in range(depth - 1):
            data = b"\x12" + _varint(len(data)) + data
        return b"\x12\x01t\x1a" + _varint(len(data)) + data

    with grpc.insecure_channel(both.victim.deployment.grpc) as channel:
        call = channel.unary_unary("/acme.billing.v1.BillingService/CreateInvoice", None, None)
        metadata = (("authorization", f"Bearer {both.victim.token}"),)
        assert call(message(99), metadata=metadata, timeout=20)
        for depth in (102, 130, 1000, 10_000):
            with pytest.raises(grpc.RpcError) as refused:
                call(message(depth), metadata=metadata, timeout=20)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT, depth
            assert "nested" in str(refused.value.details())


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def wrong(places: int) -> bytes:
    return b'{"title":"t","remark":{"text":"","numbers":[' + b",".join([b'""'] * places) + b"]}}"


@pytest.mark.prove
def test_a_body_wrong_in_very_many_places_names_the_first(both: Both) -> None:
    answer = both.create(wrong(100_000))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/remark/numbers/0"


@pytest.mark.prove
def test_a_stranger_notices_no_deep_or_very_wrong_body(both: Both) -> None:
    bodies = [BRACKETS, nested(1000, "reply"), nested(130, "left"), wrong(100_000), nested(99, "more")]
    with both.victim.stranger() as stranger, stranger.unharmed(), both.victim.client() as client:
        for body in bodies:
            assert client.post("/v1/invoices", content=body, headers=JSON).status_code == 400


@pytest.mark.prove
@pytest.mark.parametrize(
    ("size", "clients"), [(1_000_000, 12), (60_000, 40), (16_000, 40), (4_000, 40)], ids=str
)
def test_a_stranger_notices_no_crowd_of_bodies_that_take_long(both: Both, size: int, clients: int) -> None:
    """They are of lists inside lists, with a name that makes the parser look twice; most are of no unusual size."""
    lists = b"[[[[[[[[[]]]]]]]]],"
    body = b'{"title":"\\u003a","unknown":[' + lists * (size // len(lists)) + b"0]}"

    def post() -> None:
        end = time.monotonic() + 6
        with both.victim.client() as client:
            while time.monotonic() < end:
                with suppress(httpx.TransportError):  # the server may end a connection whose body it refused
                    status = client.post("/v1/invoices", content=body, headers=JSON).status_code
                    assert status in (400, 429, 503, 504)

    with both.victim.stranger() as stranger, stranger.unharmed(), ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(post) for _ in range(clients)]:
            done.result()


@pytest.mark.prove
def test_a_stranger_notices_no_crowd_of_messages_that_take_long(both: Both) -> None:
    """Each of 800 kB holds 400,000 empty messages; decoding one takes seconds of a thread."""
    replies = b"\x1a\x00" * 400_000
    message = b"\x12\x01t\x1a" + _varint(len(replies)) + replies

    def call() -> None:
        end = time.monotonic() + 6
        with rpc.channel(both.victim) as channel:
            create = channel.unary_unary("/acme.billing.v1.BillingService/CreateInvoice", None, None)
            while time.monotonic() < end:
                with suppress(grpc.RpcError):  # most are refused
                    create(message, timeout=10, metadata=rpc.bearer(both.victim.token))
                time.sleep(0.02)

    with rpc.stranger(both.victim) as stranger, stranger.unharmed(), ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(call) for _ in range(16)]:
            done.result()
