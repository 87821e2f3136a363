"""Each gRPC call has a line in the log, in the form of the REST server's, with the reason if a token was refused."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aether_adapters.auth.tokens import Issuer
from aether_adapters.grpc import Channel, Server
from aether_adapters.kernel.problems import RemoteError
from aether_adapters.observability.logging import configure
from aether_adapters.testing.waiting import eventually

Start = Callable[..., Server]
Connect = Callable[..., Channel]
SECRET = "a-token-that-nobody-may-read"


@pytest.fixture
def log(own_logging: None) -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure("json", stream=out)
    yield out


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    return [line for line in found if line["logger"] == "aether.access"]


def seen(out: io.StringIO, count: int) -> list[dict[str, Any]]:
    eventually(lambda: len(lines(out)) >= count, f"{count} lines are written")
    return lines(out)


def test_a_call_has_a_line(probe: SimpleNamespace, start: Start, connect: Connect, log: io.StringIO) -> None:
    connect(start()).bind(probe.methods.ping)(probe.PlainRequest(text="a"))
    (line,) = seen(log, 1)
    assert line.pop("milliseconds") > 0
    assert len(line.pop("request_id")) == 32
    assert line.pop("time")
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "aether.access",
        "method": "gRPC",
        "path": "/probe.v1.ProbeService/Ping",
        "operation": "Ping",
        "code": "OK",
    }


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, "This method needs a bearer token."),
        (SECRET, "The token is malformed."),
    ],
)
def test_a_refused_token_has_its_reason_and_is_not_shown(
    token: str | None,
    reason: str,
    probe: SimpleNamespace,
    start: Start,
    connect: Connect,
    log: io.StringIO,
) -> None:
    options = {} if token is None else {"token": lambda: token}
    with pytest.raises(RemoteError):
        connect(start(), **options).bind(probe.methods.ask)(probe.AskRequest(text="a"))
    (line,) = seen(log, 1)
    assert (line["operation"], line["code"], line["reason"]) == ("Ask", "UNAUTHENTICATED", reason)
    assert SECRET not in log.getvalue()


def test_a_caller_without_the_right_has_the_reason(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer, log: io.StringIO
) -> None:
    person = connect(start(), token=lambda: issuer.issue("ada")).bind(probe.methods.reindex)
    with pytest.raises(RemoteError):
        person(probe.PlainRequest(text="a"))
    (line,) = seen(log, 1)
    assert (line["code"], line["reason"]) == ("PERMISSION_DENIED", "This operation is for services only.")


def test_the_log_can_be_switched_off(
    probe: SimpleNamespace, start: Start, connect: Connect, log: io.StringIO
) -> None:
    server = start(options={"access_log": False})
    connect(server).bind(probe.methods.ping)(probe.PlainRequest(text="a"))
    with pytest.raises(RemoteError):
        connect(server).bind(probe.methods.ask)(probe.AskRequest(text="a"))
    assert lines(log) == []
