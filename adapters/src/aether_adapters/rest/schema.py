"""Compiles OpenAPI 3.0 schemas to JSON Schema Draft 4 validators.

OpenAPI 3.0's dialect is Draft 4 with additions (https://spec.openapis.org/oas/v3.0.3#schema-object):
`nullable` widens a type, requests must not send `readOnly` properties, `example` and other annotations have
no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aether_adapters.rest.explanations import (
    KEYS_OF_ONE_SCHEMA,
    KEYS_OF_SCHEMA_LISTS,
    KEYS_OF_SCHEMA_MAPS,
    Errors,
    Explanations,
    compiled,
    refusing,
)

Json = Any

_ANNOTATIONS: Final = (
    "example",
    "description",
    "title",
    "default",
    "discriminator",
    "externalDocs",
    "xml",
    "deprecated",
)


class Schema:
    """Compiled schema of a request body or parameter."""

    __slots__ = ("_explanations", "admits_floats", "is_valid")

    def __init__(self, schema: Mapping[str, Json], document: Mapping[str, Json]) -> None:
        """Resolve each `$ref` of `schema` within `document`, which must not refer outside itself.

        Raises `ValueError` for a schema that does not compile.
        """
        components = document.get("components", {}).get("schemas", {})
        whole: dict[str, Json] = {
            "allOf": [for_requests(schema)],
            "components": {
                "schemas": {name: for_requests(component) for name, component in components.items()}
            },
        }
        self.is_valid = compiled(whole).is_valid
        """Whether a value fits. It may raise anything, see `explanations.undecided`."""
        self._explanations = Explanations(whole)
        self.admits_floats = _admits_floats(schema, document, set())
        """Whether any part of the schema accepts a number with a fraction."""

    def errors(self, value: Json, pointer: str = "") -> Errors:
        """Return the first 20 errors of `value`, sorted by pointer; only one where all would take too long."""
        return self._explanations.of(value, pointer)


def for_requests(schema: Json) -> Json:
    """Return the Draft 4 schema that accepts what the OpenAPI `schema` accepts in a request."""
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if schema.get("readOnly") is True:
        return refusing("is read-only: the service sets it")
    out = {
        key: value for key, value in schema.items() if key not in _ANNOTATIONS and not key.startswith("x-")
    }
    for key in KEYS_OF_SCHEMA_MAPS:
        if key in out:
            out[key] = {name: for_requests(item) for name, item in out[key].items()}
    for key in KEYS_OF_SCHEMA_LISTS:
        if key in out:
            out[key] = [for_requests(item) for item in out[key]]
    for key in KEYS_OF_ONE_SCHEMA:
        if key in out:
            out[key] = for_requests(out[key])
    if "required" in out:
        out["required"] = [name for name in out["required"] if not _read_only(schema, name)]
        if not out["required"]:  # Draft 4 requires at least one name
            del out["required"]
    return _nullable(out)


def _admits_floats(schema: Json, document: Mapping[str, Json], seen: set[str]) -> bool:
    if not isinstance(schema, Mapping):
        return schema is True  # additionalProperties
    if "$ref" in schema:
        reference = schema["$ref"]
        if reference in seen:
            return False
        return _admits_floats(resolve_reference(document, reference), document, seen | {reference})
    inner = [each for key in KEYS_OF_SCHEMA_LISTS for each in schema.get(key, ())]
    for key in KEYS_OF_SCHEMA_MAPS:
        inner.extend(schema.get(key, {}).values())
    inner.extend(schema[key] for key in ("items", "additionalProperties") if key in schema)
    kind = schema.get("type")
    if kind == "number" or (kind is None and "enum" not in schema and not inner):
        return True
    if kind == "array" and "items" not in schema:
        return True
    return any(_admits_floats(each, document, seen) for each in inner)


def resolve_reference(document: Mapping[str, Json], reference: str) -> Mapping[str, Json]:
    """Return the target of a `$ref` within `document`. Raises `ValueError` if it is outside or missing."""
    node: Json = document
    try:
        if not reference.startswith("#/"):
            raise KeyError(reference)
        for step in reference[2:].split("/"):
            node = node[step.replace("~1", "/").replace("~0", "~")]
    except (KeyError, TypeError):
        raise ValueError(f"{reference} points to nothing in this contract") from None
    return node  # type: ignore[no-any-return]  # a document that Connexion has validated


def _read_only(schema: Mapping[str, Json], name: str) -> bool:
    found = schema.get("properties", {}).get(name, {})
    return isinstance(found, Mapping) and found.get("readOnly") is True


def _nullable(schema: dict[str, Json]) -> dict[str, Json]:
    if schema.pop("nullable", False) is not True:
        return schema
    if "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if any(key in schema for key in (*KEYS_OF_SCHEMA_LISTS, "not")):
        return {"anyOf": [{"type": "null"}, schema]}
    return schema
