"""Compares values that stand in a contract with its schemas, in both directions."""

from __future__ import annotations

import re
from typing import Any, Final

from aether_adapters.rest.schema import for_requests
from jsonschema_rs import Draft4Validator

from aether_tools.check.contracts.contract_source import Contract

INTEGERS: Final = {"int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1)}
"""Ranges of the integers that ProtoJSON writes as text, by format."""


def validator_of(contract: Contract, schema: object) -> Draft4Validator | None:
    """Return a validator of values as they are written in a contract. None for a schema that does not compile."""
    named = {name: for_requests(_both_ways(each)) for name, each in _referred(contract, schema).items()}
    whole = {"allOf": [for_requests(_both_ways(schema))], "components": {"schemas": named}}
    try:
        return Draft4Validator(whole, validate_formats=True, formats=_FORMATS, ignore_unknown_formats=True)
    except ValueError:
        return None


def _referred(contract: Contract, schema: object) -> dict[str, Any]:
    """Return the component schemas that a schema refers to, directly or not, by name: a contract may have thousands."""
    found: dict[str, Any] = {}
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
            name = str(each.get("$ref", "")).removeprefix("#/components/schemas/")
            target = contract.document.at(f"#/components/schemas/{name}")
            if target is not None and name not in found:
                found[name] = target.plain()
                waiting.append(found[name])
    return found


def _both_ways(schema: Any) -> Any:
    """Return a schema without `readOnly` and `writeOnly`: an example shows both directions."""
    if isinstance(schema, list):
        return [_both_ways(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _both_ways(value)
        for name, value in schema.items()
        if not (name in ("readOnly", "writeOnly") and isinstance(value, bool))
    }


def first_error(validator: Draft4Validator, value: object) -> str:
    error = next(iter(validator.iter_errors(value)))
    path = "".join(f"/{step}" for step in error.instance_path)
    return f"{path}: {error.message}" if path else error.message


def _integer(low: int, high: int) -> Any:
    def fits(text: str) -> bool:
        return re.fullmatch(r"-?(0|[1-9][0-9]{0,19})", text) is not None and low <= int(text) <= high

    return fits


_FORMATS: Final = {
    **{name: _integer(*bounds) for name, bounds in INTEGERS.items()},
    "byte": lambda text: re.fullmatch(r"([A-Za-z0-9+/_-]{4})*[A-Za-z0-9+/_-]{0,3}={0,2}", text) is not None,
}
