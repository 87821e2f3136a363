"""Decodes and validates the request body of one operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connexion.operations import AbstractOperation

from aether_adapters.kernel.errors import Malformed, TechnicalError
from aether_adapters.rest.body_reader import parse_json
from aether_adapters.rest.explanations import undecided
from aether_adapters.rest.media_types import MediaTypes
from aether_adapters.rest.operation import Operation
from aether_adapters.rest.problems import SchemaViolations
from aether_adapters.rest.schema import Schema, resolve_reference


class RequestBody:
    """The declared media types and schema of one operation's body."""

    __slots__ = ("_floats", "_media", "_required", "_schema")

    def __init__(self, media: MediaTypes | None, schema: Schema | None, required: bool) -> None:
        self._media = media
        self._schema = schema
        self._floats = schema is None or schema.admits_floats
        self._required = required

    @classmethod
    def of(
        cls, document: Mapping[str, Any], declared: AbstractOperation, operation: Operation
    ) -> RequestBody | None:
        """Build it from the contract; None if the operation reads no body.

        Raises `ValueError` for an unsupported contract.
        """
        raw = document["paths"][declared.path][declared.method].get("requestBody")
        if raw is None:
            return cls(None, None, False) if operation.needs_raw_body else None
        while "$ref" in raw:
            raw = resolve_reference(document, raw["$ref"])
        content: Mapping[str, Any] = raw["content"]
        media = MediaTypes(tuple(content))
        schemas = [content[name].get("schema") for name in content if "json" in name]
        if len({str(schema) for schema in schemas}) > 1:
            raise ValueError(
                f"{operation.operation_id}: two JSON media types with two schemas are not supported"
            )
        schema = Schema(schemas[0], document) if schemas and schemas[0] is not None else None
        return cls(media, schema, bool(raw.get("required", False)))

    def value(self, raw: bytes, content_type: bytes | None) -> Any:
        """Return JSON parsed, other media types as bytes, None for an empty body."""
        if self._media is None:
            return None
        if not raw and content_type is None:
            return None
        # An empty body of the wrong type is refused too: the client meant another operation.
        json = self._media.known.get(content_type)
        if json is None:
            json = self._media.is_json(content_type)
        if not raw:
            return None
        return parse_json(raw, floats=self._floats) if json else raw

    def check(self, body: Any, raw: bytes, errors: list[TechnicalError]) -> bool:
        """Validate the value. Return False if it does not fit, for a reason that `explain` finds.

        What else is wrong, such as a missing body, is appended to `errors`.
        """
        if not raw:
            if self._required:
                errors.append(Malformed("", "this operation needs a body"))
        elif self._schema is not None and body is not raw:
            try:
                return self._schema.is_valid(body)
            except BaseException as error:  # a panic in the Rust library is no Exception
                errors.append(undecided(error))
        return True

    def explain(self, body: Any, errors: list[TechnicalError]) -> None:
        """Append to `errors` why the value does not fit, which may take as long as parsing it."""
        assert self._schema is not None  # noqa: S101 # `check` has used it
        try:
            errors.append(SchemaViolations(self._schema.errors(body)))
        except BaseException as error:
            errors.append(undecided(error))
