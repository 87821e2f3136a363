"""Compares the alternatives of `oneOf` and `anyOf`, and how clients tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Final

from aether_tools.breaking.pair import Pair
from aether_tools.breaking.places import at, at_key, vanished
from aether_tools.breaking.shape import Shapes, canonical
from aether_tools.breaking.values import compare_null, type_names
from aether_tools.compiler.openapi.document import Node


def compare_alternatives(pair: Pair) -> bool:
    """Compare alternatives. Return whether that says everything about the pair."""
    old, new = pair.old, pair.new
    if not old.groups and not new.groups:
        return False
    if old.groups and new.groups:
        for before, now in zip_longest(old.groups, new.groups):
            if before is None or now is None:
                pair.add("schema-changed", "has another choice of alternatives", new.place)
            else:
                _match(pair, list(before.schemas), list(now.schemas))
        return False
    if new.plain and not old.groups and len(old.schemas) == 1:
        _match(pair, [old.lone or old.schemas[0]], list(new.groups[0].schemas))
        compare_null(pair)
        return True
    if old.plain and not new.groups and len(new.schemas) == 1:
        _match(pair, list(old.groups[0].schemas), [new.lone or new.schemas[0]])
        compare_null(pair)
        return True
    group = (new.groups or old.groups)[0]
    place = at_key(group.node, group.keyword) if new.groups else vanished(group.node, group.keyword)
    pair.add("schema-changed", "has another choice of alternatives", place)
    return False


def compare_discriminators(pair: Pair) -> None:
    """Compare the property by which clients tell alternatives apart, and what its values mean."""
    old, new = pair.old.discriminator, pair.new.discriminator
    if old is None or new is None:
        return

    def add(what: str, node: Node) -> None:
        pair.changes.add("api-discriminator-changed", f"{pair.subject} {what}", at(node), pair.key)

    before, now = old.get("propertyName"), new.get("propertyName")
    if before is not None and now is not None and before.scalar != now.scalar:
        add(f"is told apart by {now.scalar} instead of {before.scalar}", now)
    meant = dict(old.entries("mapping"))
    for name, node in new.entries("mapping"):
        if name in meant and meant[name].scalar != node.scalar:
            add(f"means {node.scalar} by {name}, not {meant[name].scalar}", node)


def _match(pair: Pair, old: list[Node], new: list[Node]) -> None:
    """Compare alternatives that belong together; tell of those that the other side takes in none of its own."""
    all_old, all_new = tuple(old), tuple(new)
    for before, now in list(_paired(pair, old, new)):
        pair.below((before,), (now,), pair.subject)
    for before in old:
        if not (pair.sent and _taken(pair, [before], all_new)):
            shown = _name(before, pair.olds)
            pair.add("alternative-removed", f"is not {shown} any more", vanished(before))
    for now in new:
        if pair.sent or not _taken(pair, all_old, [now]):
            pair.add("alternative-added", f"may be {_name(now, pair.news)} now", at(now))


def _taken(pair: Pair, old: Sequence[Node], new: Sequence[Node]) -> bool:
    """Return whether one side takes an alternative of the other, so that it is no more than one of its own.

    Two that both have a name are told apart by it, whatever their properties.
    """
    return any(
        pair.comparison.fits((before,), (now,), pair.direction)
        for before in old
        for now in new
        if pair.olds.name(before) is None or pair.news.name(now) is None
    )


def _paired(pair: Pair, old: list[Node], new: list[Node]) -> Iterator[tuple[Node, Node]]:
    """Yield alternatives that belong together, and remove them: by name, by value, by type, and the last two left."""
    for key in _TESTS:
        for before in tuple(old):
            wanted = key(before, pair.olds)
            same_new = [each for each in new if wanted is not None and key(each, pair.news) == wanted]
            same_old = [each for each in old if key(each, pair.olds) == wanted]
            if len(same_new) == 1 and len(same_old) == 1:
                old.remove(before)
                new.remove(same_new[0])
                yield before, same_new[0]
    if len(old) == len(new) == 1:
        yield old.pop(), new.pop()


def _by_name(schema: Node, shapes: Shapes) -> str | None:
    return shapes.name(schema)


def _by_value(schema: Node, _: Shapes) -> str | None:
    return canonical(schema.plain())


def _by_type(schema: Node, shapes: Shapes) -> str | None:
    types = shapes.of((schema,)).types
    return next(iter(types)) if types is not None and len(types) == 1 else None


_TESTS: Final[tuple[Callable[[Node, Shapes], str | None], ...]] = (_by_name, _by_value, _by_type)


def _name(schema: Node, shapes: Shapes) -> str:
    name = shapes.name(schema)
    return name if name is not None else type_names(shapes.of((schema,)).types)
