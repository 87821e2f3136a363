"""Caching by contract, the public contract, and the limit of system routes."""

from __future__ import annotations

from typing import Any

import pytest
from aether_adapters.kernel.errors import Exhausted
from aether_adapters.rest.local_limit import LocalLimit
from aether_adapters.rest.public_contract import without_extensions
from aether_adapters.rest.response_headers import cache_controls

DOCUMENT: dict[str, Any] = {
    "components": {
        "headers": {"Kept": {"schema": {"type": "string", "enum": ["public, max-age=300"]}}},
        "responses": {"Shown": {"headers": {"cache-control": {"$ref": "#/components/headers/Kept"}}}},
    }
}


@pytest.mark.parametrize(
    ("responses", "value"),
    [
        ({"200": {"description": ""}}, b"no-store"),
        ({"200": {"$ref": "#/components/responses/Shown"}}, b"public, max-age=300"),
        (
            {200: {"headers": {"Cache-Control": {"$ref": "#/components/headers/Kept"}}}},
            b"public, max-age=300",
        ),
        ({"200": {"headers": {"Cache-Control": {"x-from": "caching"}}}}, None),
        ({"200": {"description": ""}, "404": {"$ref": "#/components/responses/Shown"}}, b"no-store"),
    ],
)
def test_a_response_is_not_kept_unless_the_contract_says_so(
    responses: dict[Any, Any], value: bytes | None
) -> None:
    found = cache_controls(DOCUMENT, responses)
    assert found == {200: None if value is None else (b"cache-control", value)}


@pytest.mark.parametrize("schema", [{"type": "string"}, {"enum": ["no-store", "no-cache"]}])
def test_a_cache_control_that_is_not_fixed_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Cache-Control"):
        cache_controls(DOCUMENT, {"200": {"headers": {"Cache-Control": {"schema": schema}}}})


def test_extensions_are_stripped_and_names_that_look_like_them_are_kept() -> None:
    schema = {
        "type": "object",
        "x-a": 1,
        "properties": {"x-b": {"type": "string", "x-c": 2}},
        "example": {"x-d": 3},
    }
    shown = {"type": "object", "properties": {"x-b": {"type": "string"}}, "example": {"x-d": 3}}
    document = {
        "x-top": 1,
        "paths": {"/a": {"x-p": 1, "get": {"parameters": [{"name": "x-q", "schema": schema}], "x-rpc": "y"}}},
        "components": {"headers": {"X-Total": {"x-from": "total"}}},
    }
    assert without_extensions(document) == {
        "paths": {"/a": {"get": {"parameters": [{"name": "x-q", "schema": shown}]}}},
        "components": {"headers": {"X-Total": {}}},
    }


def test_the_local_limit_counts_each_network_and_forgets_the_oldest() -> None:
    limit = LocalLimit(2.0)
    for host in range(4):
        limit.take(f"2001:db8::{host}")
    with pytest.raises(Exhausted) as refused:
        limit.take("2001:db8::5")
    assert 0 < (refused.value.retry_after or 0) <= 0.5
    for number in range(12_000):
        limit.take(f"10.0.{number // 250}.{number % 250}")
    limit.take("2001:db8::6")
