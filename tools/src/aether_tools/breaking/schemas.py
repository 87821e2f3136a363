"""Compares two schemas in one direction: what clients send, or what they get.

What clients send may only be taken more widely, what they get may only become narrower.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from typing import Final

from aether_tools.breaking.changes import Changes, Key
from aether_tools.breaking.places import Place, at, at_key, vanished
from aether_tools.breaking.shape import Bound, Members, Schemas, Shape, Shapes, canonical, tighter
from aether_tools.compiler.openapi.document import Node


class Direction(Enum):
    """Who writes a value. TEXT is what clients send in a path, a query, a header or a cookie."""

    REQUEST = "request"
    TEXT = "text"
    RESPONSE = "response"

    @property
    def sent(self) -> bool:
        """Whether clients write it."""
        return self is not Direction.RESPONSE

    @property
    def word(self) -> str:
        """The direction in a code."""
        return "request" if self.sent else "response"


_WIDER_FORMATS: Final = {("int32", "int64"), ("float", "double"), ("int32", "double")}
"""Formats of which the second takes every value of the first."""
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_$][\w$-]*")


@dataclass(frozen=True, slots=True)
class _Pair:
    old: Schemas
    new: Schemas
    direction: Direction
    subject: str
    key: Key


class SchemaComparison:
    """Compares pairs of schemas, each once, without recursion: schemas may be recursive and deep."""

    def __init__(self, old: Shapes, new: Shapes, changes: Changes) -> None:
        self._old = old
        self._new = new
        self._changes = changes
        self._waiting: deque[_Pair] = deque()
        self._seen: set[Key] = set()

    def add(self, old: Schemas, new: Schemas, direction: Direction, subject: str, by: Key) -> None:
        """Ask for the comparison of two schemas, as a part of the comparison `by`. `subject` names the value."""
        key: Key = ("schema", tuple(map(id, old)), tuple(map(id, new)), direction)
        self._changes.use(key, by)
        if key not in self._seen:
            self._seen.add(key)
            self._waiting.append(_Pair(old, new, direction, subject, key))

    def run(self) -> None:
        """Compare everything that was asked for, and what it contains."""
        while self._waiting:
            pair = self._waiting.popleft()
            _PairComparison(self, self._changes, self._old, self._new, pair).run()


class _PairComparison:
    """Compares one pair of shapes."""

    def __init__(
        self, schemas: SchemaComparison, changes: Changes, olds: Shapes, news: Shapes, pair: _Pair
    ) -> None:
        self._schemas = schemas
        self._changes = changes
        self._olds = olds
        self._news = news
        self._pair = pair
        self._old = olds.of(pair.old)
        self._new = news.of(pair.new)

    def run(self) -> None:
        old, new = self._old, self._new
        if old.remote != new.remote:
            self._add("schema-changed", "refers to another document", new.place)
        if old.never != new.never:
            self._add(
                "type-changed", "allows no value any more" if new.never else "allows values now", new.place
            )
            return
        if self._alternatives() or not self._types():
            return
        self._null()
        self._format()
        self._enum()
        self._limits()
        self._patterns()
        self._default()
        self._properties()
        self._additional()
        self._items()
        self._discriminator()
        self._opaque()

    def _add(self, code: str, what: str, place: Place) -> None:
        direction = self._pair.direction
        self._changes.add(
            f"api-{direction.word}-{code}", f"{self._pair.subject} {what}", place, self._pair.key
        )

    def _below(self, old: Schemas, new: Schemas, subject: str) -> None:
        self._schemas.add(old, new, self._pair.direction, subject, self._pair.key)

    @property
    def _sent(self) -> bool:
        return self._pair.direction.sent

    # Types

    def _types(self) -> bool:
        """Compare types. Return whether they have enough in common to compare anything else."""
        old, new = self._old.types, self._new.types
        if old == new:
            return True
        place = at(self._new.type_node) if self._new.type_node is not None else self._new.place
        narrower = _fits(old, new)
        wider = _fits(new, old)
        what = f"was {_named(old)} and is {_named(new)} now"
        if self._sent:
            text = (
                self._pair.direction is Direction.TEXT
                and new == frozenset({"string"})
                and not self._limits_text()
            )
            self._add("type-widened" if narrower or text else "type-changed", what, place)
            return narrower and not text
        self._add("type-narrowed" if wider else "type-changed", what, place)
        return wider

    def _limits_text(self) -> bool:
        """Return whether the new schema takes only some texts."""
        new = self._new
        return bool(new.formats or new.patterns or new.enum is not None or new.upper or new.lower)

    def _null(self) -> None:
        old, new = self._old.null, self._new.null
        if old == new or (self._old.types is None and self._new.types is None and not self._new.groups):
            return
        place = self._new.place
        if new:
            self._add("null-allowed", "may be null now", place)
        else:
            self._add("null-refused" if self._sent else "null-removed", "is never null any more", place)

    def _format(self) -> None:
        old, new = next(iter(self._old.formats), ""), next(iter(self._new.formats), "")
        if old == new:
            return
        place = at(self._new.formats[new]) if new else vanished(self._old.formats[old])
        what = f"had {_format_name(old)} and has {_format_name(new)} now"
        wider = not new or (old, new) in _WIDER_FORMATS
        narrower = not old or (new, old) in _WIDER_FORMATS
        if self._sent:
            self._add("format-widened" if wider else "format-changed", what, place)
        elif narrower:
            self._add("format-narrowed", what, place)
        else:
            self._add("format-removed" if not new else "format-changed", what, place)

    # Values

    def _enum(self) -> None:
        old, new = self._old.enum, self._new.enum
        if old is None and new is None:
            return
        place = self._new.enum_place or self._new.place
        if old is None and new is not None:
            self._add("enum-removed", f"is only {_listed(new)} now", place)
        elif new is None and old is not None:
            gone = self._old.enum_place or self._old.place
            self._add(
                "enum-added",
                f"is not only {_listed(old)} any more",
                Place(gone.location, gone.pointer, old=True),
            )
        elif old is not None and new is not None:
            for value in sorted(old.keys() - new.keys()):
                where = Place(old[value].location, old[value].pointer, old=True)
                self._add("enum-removed", f"is not {value} any more", where)
            for value in sorted(new.keys() - old.keys()):
                self._add("enum-added", f"may be {value} now", new[value])

    def _limits(self) -> None:
        old, new = self._old, self._new
        for keyword in sorted(old.upper.keys() | new.upper.keys()):
            self._limit(keyword, old.upper.get(keyword), new.upper.get(keyword), upper=True)
        for keyword in sorted(old.lower.keys() | new.lower.keys()):
            self._limit(keyword, old.lower.get(keyword), new.lower.get(keyword), upper=False)
        if bool(old.unique) != bool(new.unique):
            if new.unique:
                self._add("limit-tightened", "may not repeat an element any more", new.unique)
            elif old.unique:
                gone = Place(old.unique.location, old.unique.pointer, old=True)
                self._add("limit-loosened", "may repeat elements now", gone)
        for number in sorted(old.multiples.keys() - new.multiples.keys()):
            if not any(_multiple(each, number) for each in new.multiples):
                self._add(
                    "limit-loosened",
                    f"need not be a multiple of {number} any more",
                    vanished(old.multiples[number]),
                )
        for number in sorted(new.multiples.keys() - old.multiples.keys()):
            if not any(_multiple(each, number) for each in old.multiples):
                self._add("limit-tightened", f"must be a multiple of {number} now", at(new.multiples[number]))

    def _limit(self, keyword: str, old: Bound | None, new: Bound | None, *, upper: bool) -> None:
        if old is None and new is not None:
            self._add("limit-tightened", f"has {keyword} {_bound_text(new)} now", new.place)
        elif new is None and old is not None:
            gone = Place(old.place.location, old.place.pointer, old=True)
            self._add("limit-loosened", f"had {keyword} {_bound_text(old)}, which is gone", gone)
        elif old is not None and new is not None:
            what = f"had {keyword} {_bound_text(old)} and has {_bound_text(new)} now"
            if tighter(new, old, upper=upper):
                self._add("limit-tightened", what, new.place)
            elif tighter(old, new, upper=upper):
                self._add("limit-loosened", what, new.place)

    def _patterns(self) -> None:
        old, new = self._old.patterns, self._new.patterns
        added = [node for pattern, node in new.items() if pattern not in old]
        gone = [node for pattern, node in old.items() if pattern not in new]
        if added and (self._sent or gone):
            self._add("pattern-changed", f"must fit the pattern {added[0].scalar} now", at(added[0]))
        elif added:
            self._add("pattern-added", f"fits the pattern {added[0].scalar} now", at(added[0]))
        elif gone:
            code = "pattern-removed" if self._sent else "pattern-changed"
            self._add(code, f"need not fit the pattern {gone[0].scalar} any more", vanished(gone[0]))

    def _default(self) -> None:
        old, new = self._old.default, self._new.default
        if old is None and new is None:
            return
        if old is None or new is None or old[0] != new[0]:
            place = at(new[1]) if new else vanished(old[1]) if old else self._new.place
            was, now = (each[0] if each else "none" for each in (old, new))
            self._add("default-changed", f"had the default {was} and has {now} now", place)

    # Objects and arrays

    def _properties(self) -> None:
        old, new = self._visible(self._old, self._olds), self._visible(self._new, self._news)
        required_before, required_now = self._old.required, self._new.required
        for name in sorted(old.keys() - new.keys()):
            place, schemas = old[name]
            if not self._sent:
                code = "property-removed"
            elif self._new.closed:
                code = "property-refused"
            elif self._new.additional:
                self._below(schemas, self._new.additional, self._named(name))
                continue
            else:
                code = "property-removed"
            self._add(code, f"has no {name} any more", Place(place.location, place.pointer, old=True))
        for name in sorted(new.keys() - old.keys()):
            place, schemas = new[name]
            must = name in required_now
            if self._sent and must and self._news.of(schemas).default is None:
                self._add("property-required-added", f"has the new required {name}", place)
            else:
                self._add("property-added", f"has the new {name}", place)
        for name in sorted(old.keys() & new.keys()):
            self._below(old[name][1], new[name][1], self._named(name))
            before, now = name in required_before, name in required_now
            if before and not now:
                self._add("property-optional", f"may lack {name} now", new[name][0])
            elif now and not before:
                what = f"must have {name} now" if self._sent else f"always has {name} now"
                self._add("property-required", what, required_now[name])
        if self._sent:
            for name in sorted(required_now.keys() - required_before.keys() - new.keys() - old.keys()):
                if name not in self._new.properties:
                    self._add("property-required", f"must have {name} now", required_now[name])

    def _visible(self, shape: Shape, shapes: Shapes) -> dict[str, tuple[Place, Schemas]]:
        """Return the properties that take part: clients do not send what is readOnly, nor get what is writeOnly."""
        found = {}
        for name, (place, schemas) in shape.properties.items():
            below = shapes.of(schemas)
            if not (below.read_only if self._sent else below.write_only):
                found[name] = (place, schemas)
        return found

    def _named(self, name: str) -> str:
        shown = name if _PLAIN_NAME.fullmatch(name) else canonical(name)
        return f"{self._pair.subject}.{shown}"

    def _additional(self) -> None:
        old, new = self._old, self._new
        if old.types is not None and "object" not in old.types:
            return
        if old.closed and not new.closed:
            gone = Place(old.closed.location, old.closed.pointer, old=True)
            self._add("additional-allowed", "may have other properties now", gone)
        elif new.closed and not old.closed:
            self._add("additional-refused", "has no other properties any more", new.closed)
        elif old.additional and new.additional:
            self._below(old.additional, new.additional, f"{self._pair.subject}.*")
        elif new.additional and not old.closed:
            if any(node.mapping for node in new.additional):
                self._add(
                    "additional-refused", "has other properties of one kind only now", at(new.additional[0])
                )
        elif old.additional and not new.closed:
            self._add(
                "additional-allowed", "may have other properties of any kind now", vanished(old.additional[0])
            )

    def _items(self) -> None:
        old, new = self._old, self._new
        if old.items and new.items:
            self._below(old.items, new.items, f"{self._pair.subject}[]")
        elif new.items:
            self._add(
                "type-changed" if self._sent else "type-narrowed",
                "has elements of one kind only now",
                at(new.items[0]),
            )
        elif old.items:
            self._add(
                "type-widened" if self._sent else "type-changed",
                "may have elements of any kind now",
                vanished(old.items[0]),
            )
        for index, (before, now) in enumerate(zip(old.prefix, new.prefix, strict=False)):
            self._below((before,), (now,), f"{self._pair.subject}[{index}]")
        if len(old.prefix) != len(new.prefix):
            self._add(
                "schema-changed", f"has {len(new.prefix)} prefixItems instead of {len(old.prefix)}", new.place
            )

    # Alternatives

    def _alternatives(self) -> bool:
        """Compare alternatives. Return whether that says everything about the pair."""
        old, new = self._old, self._new
        if not old.groups and not new.groups:
            return False
        if old.groups and new.groups:
            for before, now in zip_longest(old.groups, new.groups):
                if before is None or now is None:
                    self._add("schema-changed", "has another choice of alternatives", new.place)
                else:
                    self._match(list(before.schemas), list(now.schemas), now)
            return False
        if new.plain and not old.groups and len(old.schemas) == 1:
            self._match([old.schemas[0]], list(new.groups[0].schemas), new.groups[0])
            self._null()
            return True
        if old.plain and not new.groups and len(new.schemas) == 1:
            self._match(list(old.groups[0].schemas), [new.schemas[0]], None)
            self._null()
            return True
        group = (new.groups or old.groups)[0]
        place = at_key(group.node, group.keyword) if new.groups else vanished(group.node, group.keyword)
        self._add("schema-changed", "has another choice of alternatives", place)
        return False

    def _match(self, old: list[Node], new: list[Node], group: Members | None) -> None:
        pairs = list(self._paired(old, new))
        for before, now in pairs:
            self._below((before,), (now,), self._pair.subject)
        for before in old:
            self._add(
                "alternative-removed",
                f"is not {self._alternative(before, self._olds)} any more",
                vanished(before),
            )
        for now in new:
            place = at(now) if group is not None else self._new.place
            self._add("alternative-added", f"may be {self._alternative(now, self._news)} now", place)

    def _paired(self, old: list[Node], new: list[Node]) -> Iterator[tuple[Node, Node]]:
        """Yield alternatives that belong together, and remove them: by name, by value, by type, and the last two left."""
        for key in (_by_name, _by_value, _by_type):
            for before in tuple(old):
                wanted = key(before, self._olds)
                same_new = [each for each in new if wanted is not None and key(each, self._news) == wanted]
                same_old = [each for each in old if key(each, self._olds) == wanted]
                if len(same_new) == 1 and len(same_old) == 1:
                    old.remove(before)
                    new.remove(same_new[0])
                    yield before, same_new[0]
        if len(old) == len(new) == 1:
            yield old.pop(), new.pop()

    def _alternative(self, schema: Node, shapes: Shapes) -> str:
        name = shapes.name(schema)
        return name if name is not None else _named(shapes.of((schema,)).types)

    def _discriminator(self) -> None:
        old, new = self._old.discriminator, self._new.discriminator
        if old is None or new is None:
            return
        key = self._pair.key
        if old.text("propertyName") != new.text("propertyName"):
            what = f"{self._pair.subject} is told apart by {new.text('propertyName')} instead of {old.text('propertyName')}"
            self._changes.add("api-discriminator-changed", what, at_key(new, "propertyName"), key)
        before, now = dict(old.entries("mapping")), dict(new.entries("mapping"))
        for name in sorted(before.keys() & now.keys()):
            if before[name].scalar != now[name].scalar:
                what = f"{self._pair.subject} means {now[name].scalar} by {name}, not {before[name].scalar}"
                self._changes.add("api-discriminator-changed", what, at(now[name]), key)

    def _opaque(self) -> None:
        old, new = self._old.opaque, self._new.opaque
        for keyword in sorted(old.keys() | new.keys()):
            before, now = old.get(keyword), new.get(keyword)
            if before is None or now is None or before[0] != now[0]:
                place = at(now[1]) if now else vanished(before[1]) if before else self._new.place
                self._add("schema-changed", f"has another {keyword}", place)


def _fits(types: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    """Return whether every value of `types` is one of `other`."""
    if other is None:
        return True
    if types is None:
        return False
    wider = other | {"integer"} if "number" in other else other
    return types <= wider


def _named(types: frozenset[str] | None) -> str:
    return "of any type" if types is None else " or ".join(sorted(types)) or "of no type"


def _format_name(name: str) -> str:
    return f"the format {name}" if name else "no format"


def _by_name(schema: Node, shapes: Shapes) -> str | None:
    return shapes.name(schema)


def _by_value(schema: Node, _: Shapes) -> str | None:
    return canonical(schema.plain())


def _by_type(schema: Node, shapes: Shapes) -> str | None:
    types = shapes.of((schema,)).types
    return next(iter(types)) if types is not None and len(types) == 1 else None


def _listed(values: dict[str, Place]) -> str:
    shown = sorted(values)
    return " or ".join(shown[:5]) + (f" or {len(shown) - 5} others" if len(shown) > 5 else "")


def _bound_text(bound: Bound) -> str:
    return f"{bound.number} (exclusive)" if bound.exclusive else f"{bound.number}"


def _multiple(number: float, of: float) -> bool:
    quotient = number / of
    return abs(quotient - round(quotient)) < 1e-9
