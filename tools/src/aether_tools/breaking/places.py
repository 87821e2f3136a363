"""Where a change stands: a location in the new document, or in the old one for what vanished."""

from __future__ import annotations

from dataclasses import dataclass

from aether_tools.compiler.openapi.document import Node, escape
from aether_tools.finding import Location


@dataclass(frozen=True, slots=True)
class Place:
    """A location and a JSON pointer in one of the two documents."""

    location: Location
    pointer: str
    old: bool = False


def at(node: Node) -> Place:
    """Return the place of a value in the new document."""
    return Place(node.location, node.pointer)


def at_key(node: Node, name: str) -> Place:
    """Return the place of a key in the new document, or of the mapping without it."""
    return Place(node.key(name), f"{node.pointer}/{escape(name)}" if name in node else node.pointer)


def vanished(node: Node, name: str = "") -> Place:
    """Return the place of a value, or of a key, in the old document."""
    place = at_key(node, name) if name else at(node)
    return Place(place.location, place.pointer, old=True)


def gone(place: Place) -> Place:
    """Return a place as one of the old document."""
    return Place(place.location, place.pointer, old=True)
