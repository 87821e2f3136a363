"""Requests of recorded operations that the REST server refuses are in the audit log, with who called from where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from aether_adapters.kernel.identity import CLIENT, Client
from aether_adapters.rest import RestOptions
from structlog.testing import capture_logs

Ask = Callable[..., Any]


@pytest.fixture
def seen() -> list[Client | None]:
    """The client of each call of the use case."""
    return []


@pytest.fixture
def ask(
    billing: ModuleType,
    build_billing: Callable[..., Any],
    asking: Callable[[Any], Ask],
    seen: list[Client | None],
) -> Ask:
    """Ask a server whose tally is recorded and whose list, recorded too, needs a scope that nobody has."""
    changes: dict[str, dict[str, Any]] = {
        "getTally": {"audit": "get_tally"},
        "listInvoices": {"audit": "list_invoices", "scopes": frozenset({"audit"})},
    }

    async def tally(_: object) -> tuple[int, int]:
        seen.append(CLIENT.get())
        return 0, 0

    changes["getTally"]["call"] = tally
    operations = billing.operations(billing.Billing())
    return asking(
        build_billing(
            [replace(each, **changes.get(each.operation_id, {})) for each in operations],
            options=RestOptions(trusted_proxies=("127.0.0.1",)),
        )
    )


def acts(logs: list[Any]) -> list[tuple[Any, ...]]:
    kept = ("operation", "subject", "caller", "address", "outcome", "reason")
    return [tuple(log[name] for name in kept) for log in logs if log["event"] == "act"]


PROXIED = {"x-forwarded-for": "203.0.113.7"}
NO_TOKEN = "This operation needs a bearer token."


def test_a_request_without_a_token_is_recorded_with_its_address(ask: Ask) -> None:
    with capture_logs() as logs:
        assert ask("GET", "/v1/tally", token=None, headers=PROXIED).status_code == 401
    unauthenticated = "/problems/unauthenticated"
    assert acts(logs) == [("get_tally", "", "anonymous", "203.0.113.7", unauthenticated, NO_TOKEN)]
    assert [log["reason"] for log in logs if log["event"] == "request"] == [NO_TOKEN]


def test_a_caller_without_the_scope_is_recorded_by_name(ask: Ask) -> None:
    with capture_logs() as logs:
        assert ask("GET", "/v1/invoices", headers=PROXIED).status_code == 403
    reason = "The token lacks a scope: audit."
    assert acts(logs) == [("list_invoices", "ann", "user", "203.0.113.7", "/problems/forbidden", reason)]


def test_a_use_case_that_records_learns_who_calls_from_where(ask: Ask, seen: list[Client | None]) -> None:
    assert ask("GET", "/v1/tally", headers=PROXIED).status_code == 200
    assert [(each.identity.subject, each.address) for each in seen if each is not None] == [
        ("ann", "203.0.113.7")
    ]
