"""Reads the scalars of a YAML document, as the values that JSON can carry."""

from __future__ import annotations

import math
from typing import Any, Final

import yaml
from yaml.constructor import SafeConstructor

from aether_tools.compiler.openapi.document import Findings, Scalar
from aether_tools.finding import Location

TAG: Final = "tag:yaml.org,2002:"
"""Prefix of YAML's own tags."""
_MAX_NUMBER_CHARACTERS: Final = 40
_BEYOND_INTEGERS: Final = 2**64


class Scalars:
    """Reads scalars. One that JSON has not becomes a finding."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._constructor = SafeConstructor()

    def value(self, text: str, kind: str, location: Location) -> Scalar:
        """Return the value of a scalar with its resolved tag."""
        match kind.removeprefix(TAG):
            case "str" | "timestamp":  # JSON has no dates, so what YAML reads as one is text
                return text
            case "null":
                return None
            case "bool" | "int" | "float":
                return self._number(text, kind, location)
            case _:
                self.unknown_tag(kind, location)
                return None

    def _number(self, text: str, kind: str, location: Location) -> Scalar:
        """Return a number or a boolean. One that JSON cannot carry everywhere becomes a finding (RFC 8259, section 6)."""
        value: Any = None
        if len(text) <= _MAX_NUMBER_CHARACTERS:
            try:
                value = self._constructor.construct_object(yaml.ScalarNode(kind, text))
            except (yaml.YAMLError, ValueError, KeyError, OverflowError):
                value = None
        if (
            value is None
            or not math.isfinite(value)
            or (kind.endswith(":int") and abs(value) > _BEYOND_INTEGERS)
        ):
            shown = text if len(text) <= _MAX_NUMBER_CHARACTERS else f"{text[:_MAX_NUMBER_CHARACTERS]}..."
            self._findings.add(
                location,
                "yaml-number",
                f"{shown!r} is not a number that JSON readers agree about.",
                "Write an integer of at most 64 bits, a finite decimal, or text in quotes.",
            )
            return None
        return value  # type: ignore[no-any-return]

    def unknown_tag(self, tag: str, location: Location) -> None:
        """Add a finding for a tag that asks a reader to make anything else than JSON's values."""
        self._findings.add(
            location,
            "yaml-tag",
            f"The YAML tag {tag} has no meaning here.",
            "Write a plain value, in quotes for text.",
        )
