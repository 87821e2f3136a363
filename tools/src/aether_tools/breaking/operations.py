"""Compares two versions of one operation: its parameters, request body, responses, headers and security."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aether_tools.breaking.changes import Changes, Key
from aether_tools.breaking.library import Library
from aether_tools.breaking.media import covering, media_types
from aether_tools.breaking.pair import Direction
from aether_tools.breaking.places import Place, at, at_key, vanished
from aether_tools.breaking.schemas import SchemaComparison
from aether_tools.breaking.sunset import compare_deprecation
from aether_tools.compiler.openapi.document import Node

_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
"""Header parameters without a meaning. Source: https://spec.openapis.org/oas/v3.0.4.html#parameter-object"""
_STYLES = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}


@dataclass(frozen=True, slots=True)
class Side:
    """One version of an operation: its path item, the operation, and the names in the path's template."""

    library: Library
    item: Node
    operation: Node
    names: tuple[str, ...]

    def parameters(self) -> dict[tuple[str, str], Node]:
        """Return the parameters by place and name, those of a path by their number in it."""
        found = {}
        for node in (*self.item.listed("parameters"), *self.operation.listed("parameters")):
            parameter = self.library.resolve(node)
            if parameter is None:
                continue
            place, name = parameter.text("in") or "", parameter.text("name") or ""
            if place == "header" and name.lower() in _IGNORED_HEADERS:
                continue
            if place == "path" and name in self.names:
                name = str(self.names.index(name))
            found[place, name.lower() if place == "header" else name] = parameter
        return found

    def value(self, name: str) -> Node | None:
        """Return what a key of the operation stands for."""
        node = self.operation.get(name)
        return None if node is None else self.library.resolve(node)


class OperationComparison:
    """Compares one operation. `called` is what messages call it, such as POST /orders.

    The service makes the call in a callback or webhook: `reverse` is true, and what it sends is what clients get.
    """

    def __init__(
        self,
        old: Side,
        new: Side,
        called: str,
        changes: Changes,
        schemas: SchemaComparison,
        *,
        reverse: bool = False,
    ) -> None:
        self._old = old
        self._new = new
        self._called = called
        self._changes = changes
        self._schemas = schemas
        self._key: Key = ("operation", called)
        self._in = Direction.RESPONSE if reverse else Direction.REQUEST
        self._out = Direction.REQUEST if reverse else Direction.RESPONSE
        self._reverse = reverse

    def run(self) -> None:
        """Compare all of it but security, which depends on the document."""
        old, new = self._old.operation, self._new.operation
        name_before, name_now = old.text("operationId"), new.text("operationId")
        if name_before is not None and name_before != name_now:
            place = at_key(new, "operationId") if name_now else vanished(old, "operationId")
            self._add(
                "operation-id-changed",
                f"The operationId was {name_before} and is {name_now or 'gone'} now",
                place,
            )
        for code, what, place in compare_deprecation(old, new):
            self._add(code, what, place)
        self._parameters()
        self._body()
        self._responses()

    def _add(self, code: str, what: str, place: Place) -> None:
        self._changes.add(f"api-{code}", what, place, self._key)

    # Parameters

    def _parameters(self) -> None:
        old, new = self._old.parameters(), self._new.parameters()
        for key in sorted(old.keys() - new.keys()):
            if key[0] != "path" and not self._reverse:
                self._add("parameter-removed", f"The {_kind(*key)} is gone", vanished(old[key]))
        for key in sorted(new.keys() - old.keys()):
            parameter = new[key]
            if key[0] == "path" or self._reverse:
                continue  # one that was only in the template, or that the service itself sends
            code = "parameter-required-added" if parameter.flag("required") else "parameter-added"
            self._add(code, f"The {_kind(*key)} is new", at(parameter))
        for key in sorted(old.keys() & new.keys()):
            self._parameter(old[key], new[key])

    def _parameter(self, old: Node, new: Node) -> None:
        place, name = new.text("in") or "", new.text("name") or ""
        kind = _kind(place, name)
        if place == "path" and (old.text("name") or "") != name:
            self._add(
                "path-parameter-renamed", f"The {kind} was named {old.text('name')}", at_key(new, "name")
            )
        if new.flag("required") and not old.flag("required"):
            self._add("parameter-required", f"The {kind} is required now", at_key(new, "required"))
        elif old.flag("required") and not new.flag("required"):
            self._add("parameter-optional", f"The {kind} is optional now", at_key(new, "required"))
        if _style(old) != _style(new):
            self._add("parameter-style", f"The {kind} is written in another way", at(new))
        before, now = old.get("schema"), new.get("schema")
        if before is not None and now is not None:
            direction = Direction.RESPONSE if self._reverse else Direction.TEXT
            self._schemas.add((before,), (now,), direction, f"The {kind}", self._key)
        elif old.get("content") is not None and new.get("content") is not None:
            self._media(old, new, self._in, f"The {kind}")

    # Bodies

    def _body(self) -> None:
        old, new = self._old.value("requestBody"), self._new.value("requestBody")
        if old is None or new is None:
            self._body_presence(old, new)
            return
        if new.flag("required") and not old.flag("required"):
            self._add("body-required", "The request body is required now", at_key(new, "required"))
        elif old.flag("required") and not new.flag("required"):
            self._add("body-optional", "The request body is optional now", at_key(new, "required"))
        self._media(old, new, self._in, "The request body")

    def _body_presence(self, old: Node | None, new: Node | None) -> None:
        if new is not None:
            required = new.flag("required")
            code = "body-required-added" if required else "body-added"
            self._add(code, "The request body is new", at_key(self._new.operation, "requestBody"))
        elif old is not None:
            self._add(
                "body-removed", "The request body is gone", vanished(self._old.operation, "requestBody")
            )

    def _media(self, old: Node, new: Node, direction: Direction, subject: str) -> None:
        code = "body-media" if direction.sent else "response-media"
        before, now = media_types(old), media_types(new)
        for name, node in before.items():
            match = covering(name, now)
            if match is None:
                self._add(
                    f"{code}-removed", f"{subject} is never {name} any more", vanished(node.above, node.name)
                )
                continue
            old_schema, new_schema = node.schema, now[match].schema
            if old_schema is not None and new_schema is not None:
                self._schemas.add((old_schema,), (new_schema,), direction, subject, self._key)
            elif new_schema is not None:
                kind = "type-changed" if direction.sent else "type-narrowed"
                self._add(f"{direction.word}-{kind}", f"{subject} has a schema now", at(new_schema))
            elif old_schema is not None:
                kind = "type-widened" if direction.sent else "type-changed"
                self._add(
                    f"{direction.word}-{kind}", f"{subject} has no schema any more", vanished(old_schema)
                )
        for name, node in now.items():
            if covering(name, before) is None:
                self._add(f"{code}-added", f"{subject} may be {name} now", at_key(node.above, node.name))

    # Responses

    def _responses(self) -> None:
        before, now = self._old.operation.get("responses"), self._new.operation.get("responses")
        if before is None or now is None:
            return
        old, new = (dict(_statuses(node)) for node in (before, now))
        for status in old:
            match = _answering(status, new)
            if match is None:
                code = "error-response-removed" if _is_error(status) else "response-removed"
                self._add(code, f"The {_answer(status)} is gone", vanished(before, status))
                continue
            old_response = self._old.library.resolve(old[status])
            new_response = self._new.library.resolve(new[match])
            if old_response is not None and new_response is not None:
                self._response(old_response, new_response, status)
        for status in new:
            if _answering(status, old) is None:
                code = "error-response-added" if _is_error(status) else "response-added"
                self._add(code, f"The {_answer(status)} is new", at_key(now, status))

    def _response(self, old: Node, new: Node, status: str) -> None:
        subject = f"The {_answer(status)}"
        self._media(old, new, self._out, subject)
        before = {name.lower(): (name, node) for name, node in old.entries("headers")}
        now = {name.lower(): (name, node) for name, node in new.entries("headers")}
        for key in sorted(before.keys() - now.keys()):
            name = before[key][0]
            place = vanished(old.get("headers") or old, name)
            self._add("header-removed", f"{subject} has no {name} header any more", place)
        for key in sorted(now.keys() - before.keys()):
            name = now[key][0]
            place = at_key(new.get("headers") or new, name)
            self._add("header-added", f"{subject} has the new header {name}", place)
        for key in sorted(before.keys() & now.keys()):
            name = now[key][0]
            header_before = self._old.library.resolve(before[key][1])
            header_now = self._new.library.resolve(now[key][1])
            if header_before is None or header_now is None:
                continue
            if header_before.flag("required") and not header_now.flag("required"):
                self._add("header-optional", f"{subject} may lack the {name} header now", at(header_now))
            elif header_now.flag("required") and not header_before.flag("required"):
                self._add("header-required", f"{subject} always has the {name} header now", at(header_now))
            old_schema, new_schema = header_before.get("schema"), header_now.get("schema")
            if old_schema is not None and new_schema is not None:
                self._schemas.add((old_schema,), (new_schema,), self._out, f"The {name} header", self._key)


def _kind(place: str, name: str) -> str:
    return f"{place} parameter {name}"


def _style(parameter: Node) -> tuple[object, ...]:
    """Return how a parameter is written."""
    style = parameter.text("style") or _STYLES.get(parameter.text("in") or "", "form")
    explode = parameter.get("explode")
    return (
        style,
        explode.scalar if explode is not None else style == "form",
        parameter.flag("allowReserved"),
        "content" in parameter,
    )


def _statuses(responses: Node) -> Iterator[tuple[str, Node]]:
    for status, node in responses.items():
        if not status.startswith("x-"):
            yield status.upper() if status != "default" else status, node


def _answering(status: str, responses: dict[str, Node]) -> str | None:
    """Return the key that describes an answer of this status: itself, its range, or the default."""
    if status in responses:
        return status
    same_class = f"{status[0]}XX"
    if same_class in responses:
        return same_class
    if status.endswith("XX") and any(each[0] == status[0] and each != "default" for each in responses):
        return next(each for each in responses if each[0] == status[0] and each != "default")
    if _is_error(status) and "default" in responses:
        return "default"
    return None


def _is_error(status: str) -> bool:
    return status == "default" or status[0] in "45"


def _answer(status: str) -> str:
    return "default response" if status == "default" else f"{status} response"
