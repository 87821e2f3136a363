"""Compares the properties of two objects, and the elements of two arrays."""

from __future__ import annotations

import re
from typing import Final

from aether_tools.breaking.pair import Pair
from aether_tools.breaking.places import Place, at, gone, vanished
from aether_tools.breaking.shape import Schemas, Shape, Shapes, canonical

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_$][\w$-]*")
_Properties = dict[str, tuple[Place, Schemas]]


def compare_properties(pair: Pair) -> None:
    """Compare properties, which of them must be there, and what else may be."""
    old, new = _visible(pair, pair.old, pair.olds), _visible(pair, pair.new, pair.news)
    for name in sorted(old.keys() - new.keys()):
        _lost(pair, name, *old[name])
    for name in sorted(new.keys() - old.keys()):
        place, schemas = new[name]
        must = name in pair.new.required and pair.news.of(schemas).default is None
        if pair.sent and must:
            pair.add("property-required-added", f"has the new required {name}", place)
        else:
            pair.add("property-added", f"has the new {name}", place)
    for name in sorted(old.keys() & new.keys()):
        pair.below(old[name][1], new[name][1], _named(pair, name))
        before, now = name in pair.old.required, name in pair.new.required
        if before and not now:
            pair.add("property-optional", f"may lack {name} now", new[name][0])
        elif now and not before:
            what = f"must have {name} now" if pair.sent else f"always has {name} now"
            pair.add("property-required", what, pair.new.required[name])
    if pair.sent:
        undeclared = (
            pair.new.required.keys() - pair.old.required.keys() - old.keys() - pair.new.properties.keys()
        )
        for name in sorted(undeclared):
            pair.add("property-required", f"must have {name} now", pair.new.required[name])
    _additional(pair)


def _visible(pair: Pair, shape: Shape, shapes: Shapes) -> _Properties:
    """Return the properties that take part: clients do not send what is readOnly, nor get what is writeOnly."""
    hidden = "readOnly" if pair.sent else "writeOnly"
    return {name: each for name, each in shape.properties.items() if not shapes.flag(each[1], hidden)}


def _lost(pair: Pair, name: str, place: Place, schemas: Schemas) -> None:
    code = "property-removed"
    if pair.sent and pair.new.closed:
        code = "property-refused"
    elif pair.sent and pair.new.additional:
        pair.below(schemas, pair.new.additional, _named(pair, name))
        return
    pair.add(code, f"has no {name} any more", gone(place))


def _named(pair: Pair, name: str) -> str:
    return f"{pair.subject}.{name if _PLAIN_NAME.fullmatch(name) else canonical(name)}"


def _additional(pair: Pair) -> None:
    old, new = pair.old, pair.new
    if old.types is not None and "object" not in old.types:
        return
    if old.closed and new.closed:
        return
    if old.closed:
        pair.add("additional-allowed", "may have other properties now", gone(old.closed))
    elif new.closed:
        pair.add("additional-refused", "has no other properties any more", new.closed)
    elif old.additional and new.additional:
        pair.below(old.additional, new.additional, f"{pair.subject}.*")
    elif new.additional:
        pair.add("additional-refused", "has other properties of one kind only now", at(new.additional[0]))
    elif old.additional:
        pair.add(
            "additional-allowed", "may have other properties of any kind now", vanished(old.additional[0])
        )


def compare_elements(pair: Pair) -> None:
    """Compare the elements of arrays."""
    old, new = pair.old, pair.new
    if old.items and new.items:
        pair.below(old.items, new.items, f"{pair.subject}[]")
    elif new.items:
        code = "type-changed" if pair.sent else "type-narrowed"
        pair.add(code, "has elements of one kind only now", at(new.items[0]))
    elif old.items:
        code = "type-widened" if pair.sent else "type-changed"
        pair.add(code, "may have elements of any kind now", vanished(old.items[0]))
    for index, (before, now) in enumerate(zip(old.prefix, new.prefix, strict=False)):
        pair.below((before,), (now,), f"{pair.subject}[{index}]")
    if len(old.prefix) != len(new.prefix):
        what = f"has {len(new.prefix)} prefixItems instead of {len(old.prefix)}"
        pair.add("schema-changed", what, new.place)
