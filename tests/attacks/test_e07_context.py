"""E7: no request sees what another one left in a context variable, pipelined, public or outside the contract."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Iterator
from typing import Final

import pytest

from tests.attacks.conftest import Victim, victim_of
from tests.support.acme import Acme

TALLY: Final = '''"""Tells what a public operation sees of other requests."""

from dataclasses import dataclass

from acme.billing.v1 import port, types
from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.identity import TOKEN

from acme_billing.application.ports import Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTally(port.GetTally):
    """Returns the length of the token it sees, and the milliseconds that are left."""

    transactions: Transactions

    def __call__(self, request: types.GetTallyRequest, /) -> types.Tally:
        return types.Tally(created=len(TOKEN.get() or ""), closed=round(remaining(1000.0) * 1000))
'''


@pytest.fixture(scope="module")
def telling(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """The domain billing, whose tally is public and tells which token it saw."""
    root = tmp_path_factory.mktemp("telling") / "acme"
    shutil.copytree(billing.root, root)
    proto = root / "proto/acme/billing/v1/billing.proto"
    text = proto.read_text().replace(
        "rpc GetTally(GetTallyRequest) returns (Tally) {\n",
        "rpc GetTally(GetTallyRequest) returns (Tally) {\n"
        "    option (aether_adapters.contract.access) = ACCESS_PUBLIC;\n",
    )
    text = text.replace(
        'import "google/protobuf/timestamp.proto";',
        'import "aether_adapters/contract/options.proto";\nimport "google/protobuf/timestamp.proto";',
    )
    proto.write_text(
        re.sub(r"message GetTallyRequest \{.*?\n\}", "message GetTallyRequest {}", text, flags=re.S)
    )
    openapi = root / "openapi/billing.yaml"
    openapi.write_text(
        openapi.read_text().replace("operationId: getTally\n", "operationId: getTally\n      security: []\n")
    )
    (root / "domains/billing/src/acme_billing/application/get_tally.py").write_text(TALLY)
    acme = Acme(root)
    acme.aether("generate").succeeded()
    with victim_of(acme, tmp_path_factory.mktemp("victim")) as victim:
        yield victim


def request(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: x", *headers, "", ""]).encode()


def answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], bytes]]:
    """Read `count` responses."""
    data = b""
    found: list[tuple[int, dict[str, str], bytes]] = []
    while len(found) < count:
        head, ended, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:]) if ended else {}
        length = int(headers.get("content-length", 0))
        if not ended or len(rest) < length:
            more = connection.recv(65536)
            assert more, f"closed after {len(found)} of {count} responses"
            data += more
            continue
        found.append((int(lines[0].split()[1]), headers, rest[:length]))
        data = rest[length:]
    return found


@pytest.mark.prove
def test_a_pipelined_public_operation_does_not_see_the_token_before_it(telling: Victim) -> None:
    mine = request("/v1/invoices", f"authorization: Bearer {telling.token}", "x-request-id: first")
    with telling.connect() as connection:
        connection.sendall(mine + request("/v1/tally") + request("/healthz") + mine + request("/v1/tally"))
        found = answers(connection, 5)
    assert [status for status, _, _ in found] == [200] * 5
    for _, _, body in (found[1], found[4]):
        tally = json.loads(body)
        assert tally["created"] == "0", "a public operation saw the token of another request"
        assert 0 < int(tally["closed"]) <= 5000
    assert len({headers["x-request-id"] for _, headers, _ in found}) == 4, "only `first` came twice"


@pytest.mark.prove
def test_a_stranger_notices_no_long_pipeline(telling: Victim) -> None:
    mine = request("/v1/tally", f"authorization: Bearer {telling.token}")
    with telling.stranger() as stranger, stranger.unharmed(), telling.connect() as connection:
        for _ in range(20):
            connection.sendall(mine * 20)
            assert {status for status, _, _ in answers(connection, 20)} == {200}
