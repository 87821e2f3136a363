"""Tests of the REST application, request by request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import structlog
from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import Exhausted, Malformed, Unavailable
from aether_adapters.kernel.identity import TOKEN, Access
from aether_adapters.observability.health import Health
from aether_adapters.observability.logging import add_request_id
from aether_adapters.rest import Inputs, Operation, Reply, RestApp, RestOptions, build_app
from aether_adapters.rest.schema import Schema
from prometheus_client import REGISTRY

Ask = Callable[..., httpx.Response]
JSON = {"content-type": "application/json"}


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """Check that a response is a problem with this status and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"]
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= body.keys()
    return body


def pointers_of(response: httpx.Response) -> list[str]:
    return [error["pointer"] for error in problem(response, 400)["errors"]]


def test_a_success_carries_body_location_and_version(ask: Ask) -> None:
    made = ask("POST", "/v1/invoices", json={"title": "Paper"})
    assert made.status_code == 201
    assert made.headers["content-type"] == "application/json"
    assert (made.headers["location"], made.headers["etag"]) == ("/v1/invoices/1", '"1"')
    assert made.json()["title"] == "Paper"
    assert ask("GET", "/v1/invoices/1").json() == made.json()


def test_a_broken_rule_is_a_problem_with_its_values(ask: Ask) -> None:
    body = problem(ask("GET", "/v1/invoices/77"), 404)
    assert (body["type"], body["values"]) == ("/problems/billing/no-such-invoice", {"invoiceId": "77"})
    assert problem(ask("POST", "/v1/invoices", json={"title": "forbidden"}), 422)["values"] == {
        "title": "forbidden"
    }


def test_a_stale_version_and_a_repeated_close_get_different_statuses(ask: Ask) -> None:
    ask("POST", "/v1/invoices", json={"title": "Paper"})
    problem(ask("POST", "/v1/invoices/1/close", headers={"if-match": '"9"'}), 412)
    assert ask("POST", "/v1/invoices/1/close", headers={"if-match": '"1"'}).status_code == 200
    problem(ask("POST", "/v1/invoices/1/close", headers={"if-match": '"2"'}), 409)


@pytest.mark.parametrize(
    "tag", ["3", 'W/"3"', "*", '"03"', '"3", "4"', '"-1"', '"x"', '"9223372036854775808"']
)
def test_an_if_match_that_is_not_a_strong_version_tag_is_refused(ask: Ask, tag: str) -> None:
    assert pointers_of(ask("POST", "/v1/invoices/1/close", headers={"if-match": tag})) == ["If-Match"]


def test_a_missing_header_is_named(ask: Ask) -> None:
    assert pointers_of(ask("POST", "/v1/invoices/1/close")) == ["If-Match"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b"{}", [""]),
        (b'{"title":""}', ["/title"]),
        (b'{"title":null}', ["/title"]),
        (b'{"title":"a","more":1}', [""]),
        (b'{"title":"a","id":"3"}', ["/id"]),
        (b'{"title":1,"more":1}', ["", "/title"]),
        (b"[]", [""]),
        (b"null", [""]),
        (b"", [""]),
        (b"{", [""]),
        (b'{"title":"a"}}', [""]),
        (b'{"title":"a","title":"b"}', [""]),
        (b'{"title" :"a","title":"b"}', [""]),
        (b'{"title":"\\u003a","title":"b"}', [""]),
        (b'{"title":NaN}', [""]),
        (b'{"title":"\\ud800"}', [""]),
        (b'{"title":"\xff"}', [""]),
        (b'{"title":' + b"[" * 3000 + b"]" * 3000 + b"}", [""]),
        (b"[" * 3000 + b"]" * 3000, [""]),
        (b'{"title":' + b"9" * 40 + b"}", ["/title"]),
    ],
)
def test_an_invalid_body_is_refused_with_pointers(ask: Ask, body: bytes, pointers: list[str]) -> None:
    assert pointers_of(ask("POST", "/v1/invoices", content=body, headers=JSON)) == pointers


@pytest.mark.parametrize(
    "body", [b'{"title":"a:b"}', b'{ "title" : "a" }', b'{"title":"\\u003a\\u0022:"}', b'{"title":"\\":x"}']
)
def test_colons_in_strings_and_spaces_are_not_mistaken_for_repeated_names(ask: Ask, body: bytes) -> None:
    assert ask("POST", "/v1/invoices", content=body, headers=JSON).status_code == 201


def test_a_long_input_is_not_echoed_in_full(ask: Ask) -> None:
    body = json.dumps({"title": "a", "x" * 5000: 1})
    assert len(ask("POST", "/v1/invoices", content=body, headers=JSON).content) < 1000


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("pageSize=0", ["pageSize"]),
        ("pageSize=101", ["pageSize"]),
        ("pageSize=", ["pageSize"]),
        ("pageSize=1.0", ["pageSize"]),
        ("pageSize=%31&pageSize=2", ["pageSize"]),
        ("pageSize=99999999999999999999999", ["pageSize"]),
        ("pageSize=٣", ["pageSize"]),
        ("status=OPEN", ["status"]),
        ("pagesize=3", ["pagesize"]),
        ("pageToken=%ff", ["pageToken"]),
        ("pageToken=%00", ["pageToken"]),
        ("pageToken=x", ["pageToken"]),
        ("pageSize=0&status=x&q", ["pageSize", "status", "q"]),
    ],
)
def test_an_invalid_or_unknown_query_parameter_is_named(ask: Ask, query: str, pointers: list[str]) -> None:
    assert pointers_of(ask("GET", f"/v1/invoices?{query}")) == pointers


def test_a_refusal_lists_a_bounded_number_of_errors(ask: Ask) -> None:
    query = "&".join(f"p{number}" for number in range(10_000))
    listed = pointers_of(ask("GET", f"/v1/invoices?{query}"))
    assert 10 <= len(listed) <= 20
    assert listed == [f"p{number}" for number in range(len(listed))]


def test_query_parameters_are_read_by_their_schema_with_their_defaults(ask: Ask) -> None:
    for title in "abc":
        ask("POST", "/v1/invoices", json={"title": title})
    assert len(ask("GET", "/v1/invoices").json()["invoices"]) == 3
    page = ask("GET", "/v1/invoices?pageSize=2&status=INVOICE_STATUS_OPEN&").json()
    assert (len(page["invoices"]), page["nextPageToken"]) == (2, "2")
    assert [one["id"] for one in ask("GET", "/v1/invoices?pageToken=2").json()["invoices"]] == ["3"]


@pytest.mark.parametrize(
    "identifier", ["x", "-1", "1.5", "%ff", "%00", "a%2Fb", "99999999999999999999", "1%20"]
)
def test_an_invalid_path_parameter_is_a_400_and_not_a_404(ask: Ask, identifier: str) -> None:
    assert pointers_of(ask("GET", f"/v1/invoices/{identifier}")) == ["id"]


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/nothing", "/v1/invoices/", "/v1/invoices//close", "/v1/Tally"]
)
def test_an_unknown_path_is_a_problem(ask: Ask, path: str) -> None:
    problem(ask("GET", path), 404)


def test_a_wrong_method_is_a_405_that_lists_the_allowed_methods(ask: Ask) -> None:
    refused = ask("DELETE", "/v1/invoices", token=None)
    problem(refused, 405)
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    options = ask("OPTIONS", "/v1/invoices", token=None)
    assert (options.status_code, options.headers["allow"], options.content) == (
        204,
        "GET, HEAD, OPTIONS, POST",
        b"",
    )
    assert ask("HEAD", "/v1/tally").headers["content-length"] == str(len(ask("GET", "/v1/tally").content))


@pytest.mark.parametrize(
    "authorization", [None, "Basic YTpi", "Bearer", "Bearer nobody", "bearer nobody", "Bearer \xe9"]
)
def test_an_unauthenticated_caller_gets_a_challenge(ask: Ask, authorization: str | None) -> None:
    headers = {"authorization": authorization.encode("latin-1")} if authorization else {}
    refused = ask("GET", "/v1/tally", headers=headers, token=None)
    problem(refused, 401)
    assert refused.headers["www-authenticate"].startswith('Bearer realm="billing"')
    invalid = authorization in ("Bearer", "Bearer nobody", "bearer nobody")
    assert ('error="invalid_token"' in refused.headers["www-authenticate"]) is invalid


def test_the_scheme_is_case_insensitive_and_two_tokens_are_refused(ask: Ask) -> None:
    assert ask("GET", "/v1/tally", headers={"authorization": "bEARER ann"}).status_code == 200
    twice = [("authorization", "Bearer ann"), ("authorization", "Bearer bob")]
    problem(ask("GET", "/v1/tally", headers=twice, token=None), 401)


def test_authentication_is_checked_before_size_before_media_type_before_content(ask: Ask) -> None:
    problem(ask("POST", "/v1/invoices", content=b"x" * 20_000, token=None), 401)
    problem(ask("POST", "/v1/invoices", content=b"x" * 20_000, headers={"content-type": "text/plain"}), 413)
    problem(ask("POST", "/v1/invoices?x=1", content=b"{", headers={"content-type": "text/plain"}), 415)


def test_only_the_declared_media_type_is_accepted(ask: Ask) -> None:
    ok = b'{"title":"a"}'
    for media in ("application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'):
        assert ask("POST", "/v1/invoices", content=ok, headers={"content-type": media}).status_code == 201
    for media in ("text/plain", "application/json; charset=latin-1", "application/xml", "json", "*/*", ""):
        problem(ask("POST", "/v1/invoices", content=ok, headers={"content-type": media}), 415)
    assert (
        ask("POST", "/v1/invoices", content=ok).status_code == 201
    )  # without a type, the declared one applies


def test_a_body_above_the_limit_is_refused_with_or_without_content_length(ask: Ask) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield b" " * 500

    announced = ask("POST", "/v1/invoices", content=b" " * 20_000, headers=JSON)
    problem(announced, 413)
    assert announced.headers["connection"] == "close"
    problem(ask("POST", "/v1/invoices", content=chunks(), headers=JSON), 413)


def test_a_valid_request_id_is_kept_and_an_invalid_one_replaced(ask: Ask) -> None:
    assert ask("GET", "/v1/tally", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    for insane in ("a b", "x" * 129, 'a"b', ""):
        made = ask("GET", "/v1/tally", headers={"x-request-id": insane}).headers["x-request-id"]
        assert len(made) == 32 and made != insane
    assert ask("GET", "/nowhere", headers={"x-request-id": "abc-2"}).headers["x-request-id"] == "abc-2"


def application(billing: ModuleType, call: Any, **options: Any) -> RestApp:
    """The billing application with another getTally, public by default."""
    access = options.pop("access", Access.PUBLIC)
    scopes = options.pop("scopes", frozenset())
    decode = options.pop("decode", lambda inputs: inputs)
    encode = options.pop("encode", lambda result: Reply(200, (), result))
    health = options.pop("health", Health({}))
    raw = options.pop("needs_raw_body", False)
    mine = Operation("getTally", access, decode, call, encode, scopes, needs_raw_body=raw)
    rest = [one for one in billing.operations(billing.Billing()) if one.operation_id != "getTally"]
    return build_app(
        billing.CONTRACT,
        [mine, *rest],
        errors=billing.ERRORS,
        verify=billing.verify,
        health=health,
        options=RestOptions(**{"access_log": False, **options}),
    )


def failing(error: Exception) -> Any:
    async def call(_: Any) -> Any:
        raise error

    return call


def test_an_unexpected_error_is_logged_with_the_request_id_and_leaks_nothing(
    billing: ModuleType, asking: Callable[[Any], Ask]
) -> None:
    with structlog.testing.capture_logs(processors=[add_request_id]) as logged:
        refused = asking(application(billing, failing(RuntimeError("password=hunter2"))))("GET", "/v1/tally")
    problem(refused, 500)
    assert "hunter2" not in refused.text
    [line] = [line for line in logged if line["log_level"] == "error"]
    assert str(line["exc_info"]) == "password=hunter2"
    assert line["request_id"] == refused.headers["x-request-id"]


@pytest.mark.parametrize(
    ("error", "status", "seconds"),
    [
        (Exhausted("full", retry_after=2.3), 429, "3"),
        (Exhausted("full"), 429, "1"),
        (Unavailable("away", retry_after=0.1), 503, "1"),
    ],
)
def test_a_retryable_refusal_carries_retry_after(
    billing: ModuleType, asking: Callable[[Any], Ask], error: Exception, status: int, seconds: str
) -> None:
    refused = asking(application(billing, failing(error)))("GET", "/v1/tally")
    problem(refused, status)
    assert refused.headers["retry-after"] == seconds


def test_a_call_sees_its_deadline_and_a_late_answer_is_a_504(
    billing: ModuleType, asking: Callable[[Any], Ask]
) -> None:
    seen = []

    async def slow(_: Any) -> Any:
        seen.append(remaining(60.0))
        await asyncio.sleep(5)

    begun = time.monotonic()
    problem(asking(application(billing, slow, deadline=0.2))("GET", "/v1/tally"), 504)
    assert time.monotonic() - begun < 2
    assert 0.1 < seen[0] <= 0.2


def test_the_identity_reaches_the_operation_and_the_token_is_kept_for_outgoing_calls(
    billing: ModuleType, asking: Callable[[Any], Ask]
) -> None:
    async def who(inputs: Inputs) -> Any:
        return {"subject": inputs.identity.subject, "token": TOKEN.get()}

    ask = asking(application(billing, who, access=Access.CALLER))
    assert ask("GET", "/v1/tally", token="bob").json() == {"subject": "bob", "token": "bob"}
    ask = asking(application(billing, who))
    assert ask("GET", "/v1/tally", token="bob").json() == {"subject": "", "token": None}
    assert ask("GET", "/v1/tally", token="expired").status_code == 200


def test_service_tokens_and_scopes_are_required(billing: ModuleType, asking: Callable[[Any], Ask]) -> None:
    async def ok(_: Any) -> Any:
        return {}

    ask = asking(application(billing, ok, access=Access.SERVICE))
    problem(ask("GET", "/v1/tally", token="ann"), 403)
    assert ask("GET", "/v1/tally", token="robot").status_code == 200
    ask = asking(application(billing, ok, access=Access.CALLER, scopes=frozenset({"read", "count"})))
    refused = ask("GET", "/v1/tally", token="ann:read")
    assert problem(refused, 403)["detail"] == "The token lacks a scope: count."
    assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
    assert ask("GET", "/v1/tally", token="ann:read,count,more").status_code == 200


def test_x_forwarded_for_is_believed_from_trusted_proxies_only(
    billing: ModuleType, asking: Callable[[Any], Ask]
) -> None:
    async def where(inputs: Inputs) -> Any:
        return inputs.client_address

    def address(forwarded: str, *trusted: str) -> Any:
        ask = asking(application(billing, where, trusted_proxies=trusted))
        return ask("GET", "/v1/tally", headers={"x-forwarded-for": forwarded}).json()

    assert address("1.1.1.1") == "127.0.0.1"
    assert address("1.1.1.1", "127.0.0.0/8") == "1.1.1.1"
    assert address("6.6.6.6, 1.1.1.1, 10.0.0.3", "127.0.0.1", "10.0.0.0/8") == "1.1.1.1"
    assert address("6.6.6.6, rubbish", "127.0.0.1") == "127.0.0.1"
    assert address("10.0.0.4, 10.0.0.3", "127.0.0.1", "10.0.0.0/8") == "10.0.0.4"


def test_a_header_value_cannot_inject_another_header(
    billing: ModuleType, asking: Callable[[Any], Ask]
) -> None:
    async def ok(_: Any) -> Any:
        return "/v1/ünï\r\nset-cookie: x=1"

    ask = asking(application(billing, ok, encode=lambda result: Reply(204, (("location", result),))))
    answer = ask("GET", "/v1/tally")
    assert answer.headers["location"] == "/v1/%C3%BCn%C3%AF%0D%0Aset-cookie: x=1"
    assert "set-cookie" not in answer.headers


def test_bytes_are_sent_unchanged(billing: ModuleType, asking: Callable[[Any], Ask]) -> None:
    async def ok(_: Any) -> Any:
        return b"a,b\n"

    answer = asking(application(billing, ok, encode=lambda result: Reply(200, (), result, "text/csv")))(
        "GET", "/v1/tally"
    )
    assert (answer.content, answer.headers["content-type"]) == (b"a,b\n", "text/csv")


def test_a_raw_body_is_read_on_request_within_the_limit(
    billing: ModuleType, asking: Callable[[Any], Ask]
) -> None:
    async def echo(inputs: Inputs) -> Any:
        return inputs.raw_body

    ask = asking(application(billing, echo, needs_raw_body=True, body_limit=100))
    signed = b'{"a" : 1}\n\xff'
    assert ask("GET", "/v1/tally", content=signed, headers={"content-type": "text/plain"}).content == signed
    problem(ask("GET", "/v1/tally", content=b"x" * 101), 413)
    assert asking(application(billing, echo))("GET", "/v1/tally", content=signed).content == b""


def test_malformed_raised_by_decode_is_a_400(billing: ModuleType, asking: Callable[[Any], Ask]) -> None:
    def decode(_: Inputs) -> Any:
        raise Malformed("/at", "is no time")

    assert pointers_of(
        asking(application(billing, failing(AssertionError()), decode=decode))("GET", "/v1/tally")
    ) == ["/at"]


def test_operations_must_match_the_contract(billing: ModuleType) -> None:
    operations = billing.operations(billing.Billing())
    common: dict[str, Any] = {"errors": billing.ERRORS, "verify": billing.verify, "health": Health({})}
    with pytest.raises(ValueError, match="not implemented: createInvoice"):
        build_app(billing.CONTRACT, operations[1:], **common)
    extra = Operation("dropInvoice", Access.PUBLIC, repr, failing(AssertionError()), lambda _: Reply(204))
    with pytest.raises(ValueError, match="not in the contract: dropInvoice"):
        build_app(billing.CONTRACT, [*operations, extra], **common)


@pytest.mark.parametrize(
    ("was", "becomes", "reason"),
    [
        (
            "in: query, schema: {type: integer,",
            "in: cookie, schema: {type: integer,",
            "cookie parameters are not",
        ),
        (
            "schema: {type: string, default: ''}",
            "schema: {type: object}",
            "object parameters are not supported",
        ),
        ("pattern: '^[0-9]{1,19}$'", "pattern: '['", "regex"),
    ],
)
def test_an_unsupported_contract_stops_the_start(
    billing: ModuleType, tmp_path: Path, was: str, becomes: str, reason: str
) -> None:
    text = billing.CONTRACT.read_text()
    assert was in text
    contract = tmp_path / "billing.yaml"
    contract.write_text(text.replace(was, becomes))
    with pytest.raises(ValueError, match=reason):
        build_app(
            contract,
            billing.operations(billing.Billing()),
            errors=billing.ERRORS,
            verify=billing.verify,
            health=Health({}),
        )


def test_contract_docs_health_and_metrics_are_served(ask: Ask, billing: ModuleType) -> None:
    assert ask("GET", "/openapi.json", token=None).json()["servers"] == [{"url": "/v1"}]
    assert "swagger-ui" in ask("GET", "/docs/", token=None).text
    assert ask("GET", "/docs", token=None).headers["location"] == "/docs/"
    problem(ask("GET", "/docs/nothing.js", token=None), 404)
    problem(ask("POST", "/docs/", token=None), 405)
    assert ask("GET", "/healthz", token=None).json() == {"status": "alive"}
    assert ask("GET", "/readyz", token=None).json() == {"status": "ready"}
    ask("GET", "/v1/tally")
    metrics = ask("GET", "/metrics", token=None).text
    assert 'aether_rest_requests_total{domain="billing",operation="getTally",status="200"} ' in metrics
    assert 'aether_rest_request_seconds_bucket{domain="billing",le="+Inf",operation="getTally"}' in metrics
    assert 'aether_rest_in_flight{domain="billing"} 1.0' in metrics


def test_readiness_names_the_failed_probe(billing: ModuleType, asking: Callable[[Any], Ask]) -> None:
    def away() -> None:
        raise ConnectionError("10.0.0.7 refused")

    health = Health({"sql": away, "redis": lambda: None})
    refused = asking(application(billing, failing(AssertionError()), health=health))(
        "GET", "/readyz", token=None
    )
    assert problem(refused, 503)["values"] == {"away": ["sql"], "draining": False}
    assert "10.0.0.7" not in refused.text


def test_every_request_writes_one_line_to_the_access_log(
    billing: ModuleType, asking: Callable[[Any], Ask]
) -> None:
    async def ok(_: Any) -> Any:
        return {}

    app = application(billing, ok, access_log=True)
    with structlog.testing.capture_logs(processors=[add_request_id]) as logged:
        asking(app)("GET", "/v1/tally?x=1", headers={"x-request-id": "r-7"}, token=None)
    [line] = [line for line in logged if line["event"] == "request"]
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": "/v1/tally",
        "operation": "getTally",
        "status": 400,
        "request_id": "r-7",
    }


@pytest.mark.parametrize("where", ["body", "query"])
def test_a_defect_of_the_validator_is_a_counted_400(
    asking: Callable[[Any], Ask],
    build_billing: Callable[..., Any],
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Panic(BaseException):
        """What a panic in Rust looks like: no `Exception`."""

    def fails(instance: Any) -> bool:
        raise Panic("index out of range")

    class Defective(Schema):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.is_valid = fails

    monkeypatch.setattr(
        f"aether_adapters.rest.{'body_schema' if where == 'body' else 'parameters'}.Schema", Defective
    )
    app = build_billing()
    before = REGISTRY.get_sample_value("aether_rest_validator_defects_total")
    ask = asking(app)
    refused = (
        ask("POST", "/v1/invoices", json={"title": "a"})
        if where == "body"
        else ask("GET", "/v1/invoices?pageSize=3")
    )
    assert pointers_of(refused) == [""]
    assert REGISTRY.get_sample_value("aether_rest_validator_defects_total") == (before or 0) + 1
