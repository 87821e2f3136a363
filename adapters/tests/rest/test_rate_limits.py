"""Tests of rate limits by user, address and operation, and of their header fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aether_adapters.redis import MemoryCounter
from aether_adapters.rest import By, Limit, Limits, RestOptions

Asking = Callable[[Any], Callable[..., Any]]
Serve = Callable[..., Callable[..., Any]]


Make = Callable[..., Limit]


@pytest.fixture
def limit() -> Make:
    counter = MemoryCounter(clock=lambda: 0.0)

    def made(name: str, by: By, burst: int, rate: float = 0.1) -> Limit:
        return Limit(name=name, by=by, rate=rate, burst=burst, counter=counter)

    return made


@pytest.fixture
def serve(build_billing: Callable[..., Any], asking: Asking) -> Serve:
    def served(everywhere: Sequence[Limit] = (), **operations: Sequence[Limit]) -> Callable[..., Any]:
        return asking(
            build_billing(
                options=RestOptions(access_log=False),
                limits=Limits(everywhere=everywhere, operations=operations),
            )
        )

    return served


def test_a_user_above_the_limit_gets_a_429_with_retry_after(serve: Serve, limit: Make) -> None:
    ask = serve([limit("user", By.USER, 2)])
    assert [ask("GET", "/v1/invoices").status_code for _ in range(2)] == [200, 200]
    refused = ask("GET", "/v1/invoices")
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json() == {
        "type": "/problems/exhausted",
        "title": "Exhausted",
        "status": 429,
        "detail": "The limit user is exceeded; try again later.",
    }
    assert refused.headers["retry-after"] == "10"
    assert refused.headers["ratelimit-policy"] == '"user";q=2;w=20'
    assert refused.headers["ratelimit"] == '"user";r=0;t=10'
    assert ask("GET", "/v1/invoices", token="bob").status_code == 200


def test_a_response_reports_the_remaining_quota(serve: Serve, limit: Make) -> None:
    ask = serve([limit("user", By.USER, 2)])
    answer = ask("GET", "/v1/invoices")
    assert answer.headers["ratelimit"] == '"user";r=1;t=10'
    assert answer.headers["ratelimit-policy"] == '"user";q=2;w=20'


def test_a_limit_by_address_counts_all_users_together(serve: Serve, limit: Make) -> None:
    ask = serve([limit("address", By.ADDRESS, 2), limit("user", By.USER, 100)])
    codes = [ask("GET", "/v1/invoices", token=token).status_code for token in ("ann", "bob", "ann")]
    assert codes == [200, 200, 429]


def test_one_operation_can_be_limited_more_strictly(serve: Serve, limit: Make) -> None:
    ask = serve([limit("user", By.USER, 100)], createInvoice=[limit("create", By.USER, 1)])
    assert [ask("POST", "/v1/invoices", json={"title": "x"}).status_code for _ in range(2)] == [201, 429]
    assert ask("GET", "/v1/invoices").status_code == 200


def test_without_limits_there_are_no_limit_headers(serve: Serve) -> None:
    answer = serve()("GET", "/v1/invoices")
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers


def test_limits_of_one_operation_that_count_in_different_places_are_refused_at_start(serve: Serve) -> None:
    limits = [
        Limit(name=name, by=By.USER, rate=1, burst=1, counter=MemoryCounter()) for name in ("one", "other")
    ]
    with pytest.raises(ValueError, match=r"limits one, other: .* must share one counter"):
        serve(limits)


def test_a_request_that_one_limit_refuses_counts_for_none(serve: Serve, limit: Make) -> None:
    ask = serve([limit("user", By.USER, 3), limit("address", By.ADDRESS, 1, rate=0.001)], listInvoices=[])
    codes = [ask("GET", "/v1/invoices", token="ann").status_code for _ in range(5)]
    assert codes == [200, 429, 429, 429, 429]
    assert ask("GET", "/v1/invoices", token="ann").headers["ratelimit"] == '"address";r=0;t=1000'
