"""Explains in bounded time why a value does not fit its schema.

jsonschema-rs decides quickly whether a value fits, because it remembers what it has decided. It collects errors
without that memory: a recursive schema costs time exponential in the depth of the value, and a list with
500,000 wrong items half a million Python objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import structlog
from jsonschema_rs import Draft4Validator, FancyRegexOptions, ValidationError

from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.protojson import MAX_DEPTH, step
from aether_adapters.rest.metrics import VALIDATOR_DEFECTS

Json = Any
Errors = tuple[Mapping[str, str], ...]

KEYS_OF_SCHEMA_MAPS: Final = ("properties", "patternProperties", "definitions")
KEYS_OF_SCHEMA_LISTS: Final = ("allOf", "anyOf", "oneOf")
KEYS_OF_ONE_SCHEMA: Final = ("not", "items", "additionalProperties")

MAX_ERRORS: Final = 20
"""Errors that a refusal lists."""
_MAX_REASON_CHARACTERS: Final = 200
_MAX_EXPLAINED_VALUES: Final = 1024
"""Values in a request up to which all errors are collected; collecting one takes 15 us."""
_MAX_EXPLAINED_LEVELS: Final = 4
"""The same for the depth of a value under a recursive schema, each part of which may be looked at in several ways."""
_MAX_BACKTRACKS: Final = 1000
"""Steps back of a pattern with lookaround; at jsonschema-rs's million a text of 50 kB took 21 s."""
_LOG: Final = structlog.get_logger("aether.rest")


def compiled(schema: dict[str, Json]) -> Draft4Validator:
    """Compile a Draft 4 schema. Raises `ValueError` if it does not compile."""
    return Draft4Validator(
        schema,
        mask="the value",
        validate_formats=True,
        pattern_options=FancyRegexOptions(backtrack_limit=_MAX_BACKTRACKS),
    )


def refusing(reason: str) -> Json:
    """Return a schema that no value fits, for `reason`."""
    return {"not": {"description": reason}}


def undecided(error: BaseException) -> Malformed:
    """Return the error for a value on which the validator itself failed with `error`; count and log the defect."""
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
    VALIDATOR_DEFECTS.inc()
    _LOG.warning(
        "the validator failed", error=type(error).__name__, reason=str(error)[:_MAX_REASON_CHARACTERS]
    )
    return Malformed("", "cannot be validated against the contract")


class Explanations:
    """Finds the errors of values that do not fit one schema."""

    __slots__ = ("_all_errors", "_schema", "_validator")

    def __init__(self, schema: Mapping[str, Json]) -> None:
        """`schema` is a Draft 4 schema whose references point into its own `components`."""
        self._schema = schema
        self._all_errors = not _is_recursive(schema)
        self._validator: Draft4Validator | None = None

    def of(self, value: Json, pointer: str) -> Errors:
        """Return the first 20 errors of `value`, sorted by pointer.

        Return only one if the value has more than 1,024 parts, or more than 4 levels under a recursive schema.
        """
        if self._validator is None:  # compiled at the first error, which most schemas never see
            self._validator = compiled(_without_branches(self._schema))
        found: set[tuple[str, str]] = set()
        levels = MAX_DEPTH if self._all_errors else _MAX_EXPLAINED_LEVELS
        if _is_small(value, levels):
            found.update(_explained(error, pointer) for error in self._validator.iter_errors(value))
        else:
            try:
                self._validator.validate(value)
            except ValidationError as error:
                found.add(_explained(error, pointer))
        if not found:  # a pattern gave up, for instance
            found.add((pointer, "does not fit the contract"))
        return tuple({"pointer": where, "reason": reason} for where, reason in sorted(found)[:MAX_ERRORS])


def _is_small(value: Json, levels: int) -> bool:
    """Whether the value has few parts, and at most `levels` objects or lists inside one another."""
    left = _MAX_EXPLAINED_VALUES
    level = [value]
    for _ in range(levels):
        inner: list[Json] = []
        for each in level:
            if isinstance(each, dict | list):
                left -= len(each)
                if left < 0:
                    return False
                inner.extend(each.values() if isinstance(each, dict) else each)
        if not inner:
            return True
        level = inner
    return not any(isinstance(each, dict | list) for each in level)


def _is_recursive(schema: Mapping[str, Json]) -> bool:
    """Whether a component that `schema` refers to contains itself."""
    components = schema["components"]["schemas"]
    following = {name: _references(component) for name, component in components.items()}
    finished: set[str] = set()

    def loops(name: str, above: frozenset[str]) -> bool:
        if name in above:
            return True
        if name in finished:
            return False
        inner = above | {name}
        if any(loops(each, inner) for each in following.get(name, ())):
            return True
        finished.add(name)
        return False

    return any(loops(name, frozenset()) for name in _references(schema["allOf"]))


def _references(schema: Json) -> set[str]:
    """Return the names of the components that `schema` refers to."""
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return {reference.split("/")[3]} if reference.count("/") >= 3 else set()
        return set().union(*map(_references, schema.values()))
    if isinstance(schema, list):
        return set().union(*map(_references, schema))
    return set()


def _without_branches(schema: Json) -> Json:
    """Return an equal schema whose alternatives are only decided: explaining each takes exponential time."""
    if not isinstance(schema, Mapping) or "$ref" in schema:
        return schema
    out = dict(schema)
    for key in KEYS_OF_SCHEMA_MAPS:
        if key in out:
            out[key] = {name: _without_branches(item) for name, item in out[key].items()}
    for key in ("items", "additionalProperties"):
        if key in out:
            out[key] = _without_branches(out[key])
    parts = [_without_branches(item) for item in out.pop("allOf", ())]
    for key in ("anyOf", "oneOf"):
        if key in out:
            parts.extend(_decided(key, out.pop(key)))
    if parts:
        out["allOf"] = parts
    if "components" in out:
        components = out["components"]["schemas"]
        out["components"] = {"schemas": {name: _without_branches(item) for name, item in components.items()}}
    return out


def _decided(key: str, branches: Sequence[Json]) -> Iterable[Json]:
    def unless(condition: Json, reason: str) -> Json:
        return {"not": {"not": condition, "description": reason}}

    yield unless(
        {"anyOf": branches}, f"the value is not valid under any of the schemas listed in the '{key}' keyword"
    )
    if key == "oneOf":
        yield unless(
            {"anyOf": [{"oneOf": branches}, {"not": {"anyOf": branches}}]},
            "the value is valid under more than one of the schemas listed in the 'oneOf' keyword",
        )


def _explained(error: ValidationError, pointer: str) -> tuple[str, str]:
    where = pointer + "".join(f"/{step(str(name))}" for name in error.instance_path)
    return where, _shortened(_given_reason(error) or error.message)


def _given_reason(error: ValidationError) -> str | None:
    schema = getattr(error.kind, "schema", None) if error.kind.name == "not" else None
    reason = schema.get("description") if isinstance(schema, Mapping) else None
    return reason if isinstance(reason, str) else None


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_REASON_CHARACTERS else text[: _MAX_REASON_CHARACTERS - 1] + "…"
