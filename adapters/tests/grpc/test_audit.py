"""Calls of recorded methods that the gRPC server refuses are in the audit log, with who called from where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from aether_adapters.auth.tokens import Issuer
from aether_adapters.grpc import Channel, Server
from aether_adapters.kernel.identity import CLIENT, Client, Identity
from aether_adapters.kernel.problems import RemoteError
from structlog.testing import capture_logs

Start = Callable[..., Server]
Connect = Callable[..., Channel]


@pytest.fixture
def marked(probe: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The probe's methods, of which two are recorded."""
    for name in ("reindex", "ask"):
        monkeypatch.setattr(probe.methods, name, replace(getattr(probe.methods, name), audit=name))
    return probe


def acts(logs: list[Any]) -> list[dict[str, Any]]:
    kept = ("operation", "subject", "caller", "address", "outcome", "reason", "roles")
    return [{name: log.get(name) for name in kept} for log in logs if log["event"] == "act"]


def test_a_refused_caller_is_named(
    marked: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    person = connect(start(), token=lambda: issuer.issue("ada", ("operator",))).bind(marked.methods.reindex)
    with capture_logs() as logs, pytest.raises(RemoteError):
        person(marked.PlainRequest(text="a"))
    assert acts(logs) == [
        {
            "operation": "reindex",
            "subject": "ada",
            "roles": ("operator",),
            "caller": "user",
            "address": "127.0.0.1",
            "outcome": "/problems/forbidden",
            "reason": "This operation is for services only.",
        }
    ]


@pytest.mark.parametrize("options", [{}, {"token": lambda: "rubbish"}])
def test_a_caller_without_a_valid_token_is_recorded_by_its_address(
    options: dict[str, Any], marked: SimpleNamespace, start: Start, connect: Connect
) -> None:
    with capture_logs() as logs, pytest.raises(RemoteError):
        connect(start(), **options).bind(marked.methods.ask)(marked.AskRequest(text="a"))
    (act,) = acts(logs)
    assert (act["caller"], act["subject"], act["address"]) == ("anonymous", "", "127.0.0.1")
    assert act["outcome"] == "/problems/unauthenticated"


def test_a_use_case_learns_the_address_that_a_gateway_reports_and_nobody_else_can(
    marked: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    found: list[Client | None] = []

    def ask(request: Any) -> Any:
        found.append(CLIENT.get())
        return marked.Answer(text=request.text)

    server = start(ask=ask)
    client = CLIENT.set(Client(Identity(subject="ada"), "203.0.113.7"))
    try:
        for service in (lambda: issuer.issue("probe-api", service=True), None):
            channel = connect(server, token=lambda: issuer.issue("ada"), service_token=service)
            channel.bind(marked.methods.ask)(marked.AskRequest(text="a"))
    finally:
        CLIENT.reset(client)
    assert [(each.identity.subject, each.address) for each in found if each is not None] == [
        ("ada", "203.0.113.7"),
        ("ada", "127.0.0.1"),
    ]
