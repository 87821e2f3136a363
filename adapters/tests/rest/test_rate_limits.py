"""Tests of rate limits by user, address and operation, and of their header fields."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from types import ModuleType
from typing import Any

import pytest
from aether_adapters.observability.health import Health
from aether_adapters.redis import MemoryTokenBucket
from aether_adapters.rest import By, Limit, Limits, RestOptions, build_app

Asking = Callable[[Any], Callable[..., Any]]
Serve = Callable[..., Callable[..., Any]]


def limit(name: str, by: By, burst: int, rate: float = 0.1) -> Limit:
    return Limit(name=name, by=by, rate=rate, burst=burst, bucket=MemoryTokenBucket(rate, burst))


@pytest.fixture
def serve(billing: ModuleType, asking: Asking) -> Serve:
    def served(everywhere: Sequence[Limit] = (), **operations: Sequence[Limit]) -> Callable[..., Any]:
        return asking(
            build_app(
                billing.CONTRACT,
                billing.operations(billing.Billing()),
                errors=billing.ERRORS,
                verify=billing.verify,
                health=Health({}),
                options=RestOptions(access_log=False),
                limits=Limits(everywhere=everywhere, operations=operations),
            )
        )

    return served


def test_a_user_above_the_limit_gets_a_429_with_retry_after(serve: Serve) -> None:
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


def test_a_response_reports_the_remaining_quota(serve: Serve) -> None:
    ask = serve([limit("user", By.USER, 2)])
    answer = ask("GET", "/v1/invoices")
    assert answer.headers["ratelimit"] == '"user";r=1;t=10'
    assert answer.headers["ratelimit-policy"] == '"user";q=2;w=20'


def test_a_limit_by_address_counts_all_users_together(serve: Serve) -> None:
    ask = serve([limit("address", By.ADDRESS, 2), limit("user", By.USER, 100)])
    codes = [ask("GET", "/v1/invoices", token=token).status_code for token in ("ann", "bob", "ann")]
    assert codes == [200, 200, 429]


def test_one_operation_can_be_limited_more_strictly(serve: Serve) -> None:
    ask = serve([limit("user", By.USER, 100)], createInvoice=[limit("create", By.USER, 1)])
    assert [ask("POST", "/v1/invoices", json={"title": "x"}).status_code for _ in range(2)] == [201, 429]
    assert ask("GET", "/v1/invoices").status_code == 200


def test_without_limits_there_are_no_limit_headers(serve: Serve) -> None:
    answer = serve()("GET", "/v1/invoices")
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers


def test_a_slow_bucket_does_not_block_the_event_loop(serve: Serve) -> None:
    class Slow:
        allowed, remaining, retry_after = True, 1, 0.0

    both = Barrier(2)

    def bucket(_key: str) -> Slow:
        both.wait(5)  # neither request continues until both are here
        time.sleep(0.01)
        return Slow()

    ask = serve([Limit(name="slow", by=By.USER, rate=1, burst=2, bucket=bucket)])
    codes: list[int] = []
    threads = [Thread(target=lambda: codes.append(ask("GET", "/v1/invoices").status_code)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200, 200]
