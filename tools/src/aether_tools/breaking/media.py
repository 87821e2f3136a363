"""Compares media types by RFC 9110: `application/*` takes application/json, and case has no meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aether_tools.compiler.openapi.document import Node


@dataclass(frozen=True, slots=True)
class Media:
    """A media type of a body. `above` is the mapping that has it as the key `name`."""

    above: Node
    name: str
    schema: Node | None


def media_types(body: Node) -> dict[str, Media]:
    """Return the media types of a request body, a response or a parameter, normalised."""
    content = body.get("content")
    if content is None:
        return {}
    return {_normal(name): Media(content, name, node.get("schema")) for name, node in content.items()}


def covering(name: str, others: Mapping[str, Media]) -> str | None:
    """Return which of the other media types takes this one: itself, or a range. None if none does."""
    plain = name.partition(";")[0]
    ranges = (name, plain, f"{plain.partition('/')[0]}/*", "*/*")
    return next((each for each in ranges if each in others), None)


def _normal(name: str) -> str:
    return ";".join(part.strip() for part in name.lower().split(";"))
