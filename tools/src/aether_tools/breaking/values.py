"""Compares types, formats, enums, limits, patterns and defaults of two schemas."""

from __future__ import annotations

from typing import Final

from aether_tools.breaking.pair import Direction, Pair
from aether_tools.breaking.places import Place, at, gone, vanished
from aether_tools.breaking.shape import Bound, Shape, tighter

_WIDER_FORMATS: Final = {("int32", "int64"), ("float", "double"), ("int32", "double")}
"""Formats of which the second takes every value of the first."""
_SCALARS: Final = frozenset({"string", "number", "integer", "boolean"})


def compare_types(pair: Pair) -> bool:
    """Compare types. Return whether the schemas have enough in common to compare anything else."""
    old, new = pair.old, pair.new
    if old.remote != new.remote:
        pair.add("schema-changed", "refers to another document", new.place)
    if old.never != new.never:
        pair.add("type-changed", "allows no value any more" if new.never else "allows values now", new.place)
        return False
    if old.types == new.types:
        return True
    place = at(new.type_node) if new.type_node is not None else new.place
    what = f"was {type_names(old.types)} and is {type_names(new.types)} now"
    if not pair.sent:
        wider = _fits(new.types, old.types)
        pair.add("type-narrowed" if wider else "type-changed", what, place)
        return wider
    if pair.direction is Direction.TEXT and old.types is not None and old.types <= _SCALARS:
        if new.types == frozenset({"string"}) and not _limits_text(new):
            pair.add("type-widened", what, place)
            return False
        if new.types == frozenset({"array"}) and new.items and "minItems" not in new.lower:
            # One value is a list of one. Source: RFC 6570, section 3.2.1
            pair.add("type-widened", what, place)
            pair.below(old.schemas, new.items, pair.subject)
            return False
    narrower = _fits(old.types, new.types)
    pair.add("type-widened" if narrower else "type-changed", what, place)
    return narrower


def compare_values(pair: Pair) -> None:
    """Compare what two schemas of one type say about single values."""
    compare_null(pair)
    _formats(pair)
    _enum(pair)
    _limits(pair)
    _patterns(pair)
    _default(pair)
    _opaque(pair)


def compare_null(pair: Pair) -> None:
    """Compare whether a value may be null."""
    old, new = pair.old, pair.new
    untyped = old.types is None and new.types is None and not old.groups and not new.groups
    if old.null == new.null or untyped:
        return
    if new.null:
        pair.add("null-allowed", "may be null now", new.place)
    else:
        pair.add("null-refused" if pair.sent else "null-removed", "is never null any more", new.place)


def _fits(types: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    """Return whether every value of `types` is one of `other`."""
    if other is None:
        return True
    if types is None:
        return False
    return types <= (other | {"integer"} if "number" in other else other)


def type_names(types: frozenset[str] | None) -> str:
    """Return types in words."""
    return "of any type" if types is None else " or ".join(sorted(types)) or "of no type"


def _limits_text(shape: Shape) -> bool:
    return bool(shape.formats or shape.patterns or shape.enum is not None or shape.upper or shape.lower)


def _formats(pair: Pair) -> None:
    for keyword in sorted(pair.old.formats.keys() | pair.new.formats.keys()):
        before, now = pair.old.formats.get(keyword), pair.new.formats.get(keyword)
        old, new = (str(node.scalar) if node is not None else "" for node in (before, now))
        if old == new:
            continue
        place = at(now) if now is not None else vanished(before) if before is not None else pair.new.place
        what = f"had {_named(keyword, old)} and has {_named(keyword, new)} now"
        if pair.sent:
            wider = not new or (old, new) in _WIDER_FORMATS
            pair.add("format-widened" if wider else "format-changed", what, place)
        else:
            narrower = not old or (new, old) in _WIDER_FORMATS
            pair.add("format-narrowed" if narrower else "format-changed", what, place)


def _named(keyword: str, value: str) -> str:
    return f"the {keyword} {value}" if value else f"no {keyword}"


def _enum(pair: Pair) -> None:
    old, new = pair.old.enum, pair.new.enum
    place = pair.new.enum_place or pair.new.place
    if old is None or new is None:
        if new is not None:
            pair.add("enum-removed", f"is only {_listed(new)} now", place)
        elif old is not None:
            where = gone(pair.old.enum_place or pair.old.place)
            pair.add("enum-added", f"is not only {_listed(old)} any more", where)
        return
    if new and not pair.sent and old.keys().isdisjoint(new):
        pair.add("type-changed", f"was only {_listed(old)} and is only {_listed(new)} now", place)
        return
    for value in sorted(old.keys() - new.keys()):
        pair.add("enum-removed", f"is not {value} any more", gone(old[value]))
    for value in sorted(new.keys() - old.keys()):
        pair.add("enum-added", f"may be {value} now", new[value])


def _listed(values: dict[str, Place]) -> str:
    shown = sorted(values)
    return " or ".join(shown[:5]) + (f" or {len(shown) - 5} others" if len(shown) > 5 else "")


def _limits(pair: Pair) -> None:
    old, new = pair.old, pair.new
    for keyword in sorted(old.upper.keys() | new.upper.keys()):
        _limit(pair, keyword, old.upper.get(keyword), new.upper.get(keyword), upper=True)
    for keyword in sorted(old.lower.keys() | new.lower.keys()):
        _limit(pair, keyword, old.lower.get(keyword), new.lower.get(keyword), upper=False)
    if new.unique and not old.unique:
        pair.add("limit-tightened", "may not repeat an element any more", new.unique)
    elif old.unique and not new.unique:
        pair.add("limit-loosened", "may repeat elements now", gone(old.unique))
    for number in sorted(old.multiples.keys() - new.multiples.keys()):
        if not any(_multiple(each, number) for each in new.multiples):
            what = f"need not be a multiple of {number} any more"
            pair.add("limit-loosened", what, vanished(old.multiples[number]))
    for number in sorted(new.multiples.keys() - old.multiples.keys()):
        if not any(_multiple(each, number) for each in old.multiples):
            pair.add("limit-tightened", f"must be a multiple of {number} now", at(new.multiples[number]))


def _limit(pair: Pair, keyword: str, old: Bound | None, new: Bound | None, *, upper: bool) -> None:
    if old is None and new is not None:
        pair.add("limit-tightened", f"has {keyword} {_bound(new)} now", new.place)
    elif new is None and old is not None:
        pair.add("limit-loosened", f"had {keyword} {_bound(old)}, which is gone", gone(old.place))
    elif old is not None and new is not None:
        what = f"had {keyword} {_bound(old)} and has {_bound(new)} now"
        if tighter(new, old, upper=upper):
            pair.add("limit-tightened", what, new.place)
        elif tighter(old, new, upper=upper):
            pair.add("limit-loosened", what, new.place)


def _bound(bound: Bound) -> str:
    return f"{bound.number} (exclusive)" if bound.exclusive else f"{bound.number}"


def _multiple(number: float, of: float) -> bool:
    quotient = number / of
    return abs(quotient - round(quotient)) < 1e-9


def _patterns(pair: Pair) -> None:
    old, new = pair.old.patterns, pair.new.patterns
    added = [node for pattern, node in new.items() if pattern not in old]
    lost = [node for pattern, node in old.items() if pattern not in new]
    if added:
        changed = pair.sent or bool(lost)
        what = (
            f"must fit the pattern {added[0].scalar} now"
            if pair.sent
            else f"fits the pattern {added[0].scalar} now"
        )
        pair.add("pattern-changed" if changed else "pattern-added", what, at(added[0]))
    elif lost:
        code = "pattern-removed" if pair.sent else "pattern-changed"
        pair.add(code, f"need not fit the pattern {lost[0].scalar} any more", vanished(lost[0]))


def _default(pair: Pair) -> None:
    old, new = pair.old.default, pair.new.default
    if (old[0] if old else None) == (new[0] if new else None):
        return
    place = at(new[1]) if new else vanished(old[1]) if old else pair.new.place
    was, now = (each[0] if each else "none" for each in (old, new))
    pair.add("default-changed", f"had the default {was} and has {now} now", place)


def _opaque(pair: Pair) -> None:
    """Tell keywords that only ever refuse values, and whose contents are not compared."""
    old, new = pair.old.opaque, pair.new.opaque
    for keyword in sorted(old.keys() | new.keys()):
        before, now = old.get(keyword), new.get(keyword)
        if before is None and now is not None:
            pair.add("limit-tightened", f"has {keyword} now", at(now[1]))
        elif now is None and before is not None:
            pair.add("limit-loosened", f"had {keyword}, which is gone", vanished(before[1]))
        elif before is not None and now is not None and before[0] != now[0]:
            pair.add("schema-changed", f"has another {keyword}", at(now[1]))
