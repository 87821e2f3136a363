"""E18: an error of any size reaches a stock gRPC client with its status, and repeats little of what was sent."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from tests.attacks.conftest import Victim
from tests.attacks.rpc import bearer, channel

CREATE = "/acme.billing.v1.BillingService/CreateInvoice"
LIST = "/acme.billing.v1.BillingService/ListInvoices"
STOCK_METADATA_BYTES = 8192
"""What a client accepts by default; beyond it the answer is RESOURCE_EXHAUSTED, now and then or always."""


def field(number: int, text: str) -> bytes:
    """Return a length-delimited field of a protobuf message."""
    data, length = text.encode(), len(text.encode())
    size = bytearray()
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    return bytes((number << 3 | 2,)) + bytes(size) + bytes((length,)) + data


@pytest.mark.parametrize("letter", ["a", "中", "%", "\n", "\U0001f600"])
@pytest.mark.parametrize(("path", "number"), [(CREATE, 2), (LIST, 3)])
def test_what_a_client_sent_is_not_sent_back_whole(
    victim: Victim, path: str, number: int, letter: str
) -> None:
    """A title and a page token of 10 kB, and of 100 kB."""
    with channel(victim) as opened:
        call = opened.unary_unary(path, None, None)
        for size in (10_000, 100_000) * 5:
            request = field(number, letter * (size // len(letter.encode())))
            if path == LIST:
                request = b"\x10\x01" + request
            with pytest.raises(grpc.RpcError) as refused:
                call(request, timeout=20, metadata=bearer(victim.token))
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT, refused.value.details()
            assert _size(refused.value) < STOCK_METADATA_BYTES


def _size(error: Any) -> int:
    """Return the size of a status as clients count it that see base64 and percent-encoding."""
    trailers = [(key, len(value) * 4 // 3) for key, value in error.trailing_metadata()]
    text = error.details().encode()
    message = sum(1 if 32 <= byte < 127 and byte != ord("%") else 3 for byte in text)
    return sum(len(key) + size + 32 for key, size in [*trailers, ("grpc-message", message)])


@pytest.mark.parametrize("letter", ["a", "中"])
def test_a_problem_over_rest_is_small_too(victim: Victim, letter: str) -> None:
    with victim.client() as client:
        answers = [
            client.post("/v1/invoices", json={"title": letter * 100_000}),
            client.post("/v1/invoices", json={letter * 10_000 + str(number): 1 for number in range(30)}),
            client.get("/v1/invoices", params={"pageToken": letter * 4000}),
        ]
    for answer in answers:
        assert answer.status_code in (400, 422)
        assert len(answer.content) < STOCK_METADATA_BYTES, answer.text[:500]


def test_no_value_that_was_sent_comes_back(victim: Victim) -> None:
    """A page token, a number that no field can hold, texts that do not fit: the field and the rule are told."""
    sent = "a-secret-pasted-into-the-wrong-field"
    with victim.client() as client:
        answers = [
            client.get("/v1/invoices", params={"pageToken": sent}),
            client.get("/v1/invoices", params={"pageSize": sent}),
            client.get("/v1/invoices", params={"status": sent}),
            client.get(f"/v1/invoices/{sent}"),
            client.post("/v1/invoices", json={"title": [sent]}),
            client.post("/v1/invoices", content=b'{"title": 31415926535897932384626}'),
        ]
    for answer in answers:
        assert answer.status_code in (400, 404, 415, 422), answer.text
        assert sent not in answer.text
        assert "31415926535897932384626" not in answer.text
