"""The contract as clients may see it: without its extensions, which tell how the service is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Json = Any

_MAPS_OF_NAMES: Final = frozenset(
    {
        "properties",
        "patternProperties",
        "definitions",
        "headers",
        "schemas",
        "parameters",
        "responses",
        "requestBodies",
        "securitySchemes",
        "links",
        "callbacks",
        "encoding",
        "variables",
        "scopes",
        "mapping",
        "content",
    }
)
"""Keys whose value maps names that the contract chooses: a header may be called X-Total."""
_DATA: Final = frozenset({"example", "examples", "default", "enum"})
"""Keys whose value is data, not part of the document's structure."""


def without_extensions(node: Json) -> Json:
    """Return an OpenAPI document, or a part of it, without its `x-*` fields."""
    if isinstance(node, list):
        return [without_extensions(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    out: dict[str, Json] = {}
    for key, value in node.items():
        if isinstance(key, str) and key.startswith("x-"):
            continue
        if key in _DATA:
            out[key] = value
        elif key in _MAPS_OF_NAMES and isinstance(value, Mapping):
            out[key] = {name: without_extensions(item) for name, item in value.items()}
        else:
            out[key] = without_extensions(value)
    return out
