"""Checks that each example fits its schema."""

from __future__ import annotations

from collections.abc import Iterator

from aether_tools.check.contracts.contract_source import Contract
from aether_tools.check.contracts.limits import has_values
from aether_tools.check.contracts.values import first_error, validator_of
from aether_tools.finding import Finding


def check_examples(contract: Contract) -> Iterator[Finding]:
    """Yield a finding for each example of a schema, a parameter, a header or a body that does not fit."""
    for node in contract.parts():
        schema = node.get("schema") if "schema" in node else node
        if schema is None:
            continue
        given = [value for value in (node.get("example"),) if value is not None]
        if "schema" in node:
            examples = (contract.document.resolve(each) for _, each in node.entries("examples"))
            given += [
                value for each in examples if each is not None and (value := each.get("value")) is not None
            ]
        elif not ({"type", "allOf", "oneOf", "enum"} & set(node.mapping or ())):
            continue
        target = contract.document.resolve(schema)
        if not given or target is None or not has_values(contract, target):
            continue
        validator = validator_of(contract, schema.plain())
        for value in given:
            if validator is not None and not validator.is_valid(value.plain()):
                yield Finding(
                    contract.place(value),
                    "contract-example",
                    f"The example does not fit its schema: {first_error(validator, value.plain())}.",
                    "Correct the example, or the schema.",
                )
