"""Finds the oneofs that must be set: a REST schema requires one by `oneOf`, for every use of its message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aether_tools.compiler.binding.bindings import Binding, Direction, MessageMapping
from aether_tools.compiler.model.derived import oneofs
from aether_tools.compiler.openapi.document import Findings
from aether_tools.finding import Location

_FIX: Final = "Write oneOf over its members here too, or give one of the two a message of its own."


def required_oneofs(bindings: Iterable[Binding], findings: Findings) -> dict[str, frozenset[str]]:
    """Return the oneofs that schemas require by `oneOf`, by the full name of their message.

    A message is one class in Python, so its schemas must agree: one that does not require the oneof becomes a finding.
    """
    mappings = [mapping for binding in bindings for mapping in binding.all_mappings()]
    required: dict[str, dict[str, Location]] = {}
    for mapping in mappings:
        for oneof in mapping.exclusive:
            required.setdefault(mapping.message.full_name, {}).setdefault(oneof, mapping.location)
    for mapping in mappings:
        for oneof, location in required.get(mapping.message.full_name, {}).items():
            _agrees(mapping, oneof, location, findings)
    return {name: frozenset(known) for name, known in required.items()}


def _agrees(mapping: MessageMapping, oneof: str, location: Location, findings: Findings) -> None:
    name = f"{mapping.message.full_name}.{oneof}"
    if oneof not in mapping.exclusive:
        findings.add(mapping.location, "oneof", f"{name} must be set by {location}, but not here.", _FIX)
    elif mapping.direction is Direction.REQUEST:
        members = {field.name for field in oneofs(mapping.message)[oneof]}
        if members.isdisjoint(source.field.name for source in mapping.sources):
            findings.add(
                mapping.location,
                "read-only",
                f"{name} must be set, and every member is readOnly, so no request would be valid.",
                "Remove readOnly from a member, or give requests a message of their own.",
            )
