"""Compares two trees of proto files: buf judges, and its words become findings at the element's own line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from aether_tools.breaking import buf
from aether_tools.breaking.buf import Annotation, Tree
from aether_tools.breaking.proto_index import Element, Index
from aether_tools.breaking.proto_rules import reason_and_fix
from aether_tools.finding import Finding, Location, Severity

_PACKAGE: Final = re.compile(r'from package "([^"]+)"|package "([^"]+)" was deleted')
_VALUE: Final = re.compile(
    r'enum value "(\d+)" (?:with name "(?P<value>[^"]+)" )?on enum "([^"]+)"', re.IGNORECASE
)
_FIELD: Final = re.compile(
    r'(?:field|extension field) "(\d+)" with name "([^"]+)" on message "([^"]+)"', re.IGNORECASE
)
_RPC: Final = re.compile(r'RPC "([^"]+)" on service "([^"]+)"')
_ONEOF: Final = re.compile(r'oneof "([^"]+)" on message "([^"]+)"')
_WHOLE: Final = re.compile(r'(message|enum|service) "([^"]+)"', re.IGNORECASE)
_GONE: Final = "Previously present"
_EVENTS: Final = "events.proto"
_EVENT_GONE: Final = {
    "FILE_NO_DELETE",
    "PACKAGE_NO_DELETE",
    "MESSAGE_NO_DELETE",
    "PACKAGE_MESSAGE_NO_DELETE",
}


def compare_trees(old: Tree, new: Tree, ignore: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Return the differences that buf finds, sorted by place; `ignore` are folders of generated files.

    Raises `ContractError` or `UsageError` if a tree does not compile.
    """
    built, settings = buf.configuration(old), buf.configuration(new, ignore)
    annotations = buf.compare(old, new, built, settings)
    if not annotations:
        return ()
    before, now = Index(buf.descriptors(old, built)), Index(buf.descriptors(new, settings))
    found = (
        _finding(each, before, now, old, new, chosen=settings.chosen)
        for each in _one_for_each_cause(annotations, before)
    )
    return tuple(sorted(set(found)))


def _one_for_each_cause(annotations: Sequence[Annotation], before: Index) -> Iterator[Annotation]:
    """Yield annotations without those that another one explains."""
    rules: dict[str, list[Annotation]] = {}
    for each in annotations:
        rules.setdefault(each.rule, []).append(each)
    packages = {_package(each) for each in rules.get("PACKAGE_NO_DELETE", ())}
    gone = {
        element.name
        for rule in ("PACKAGE_MESSAGE_NO_DELETE", "PACKAGE_ENUM_NO_DELETE", "PACKAGE_SERVICE_NO_DELETE")
        for each in rules.get(rule, ())
        if (element := _element(each, before)) is not None
    }
    for each in annotations:
        element = _element(each, before)
        if each.rule.startswith("PACKAGE_") and each.rule != "PACKAGE_NO_DELETE":
            if _package(each) in packages or (element and element.name.rpartition(".")[0] in gone):
                continue  # the package, or the message around it, is gone
        elif each.rule in ("MESSAGE_NO_DELETE", "ENUM_NO_DELETE", "SERVICE_NO_DELETE"):
            if element is not None and (element.name in gone or element.name.rpartition(".")[0] in gone):
                continue  # told of the package; the rule of the file is for those that moved
        elif each.rule == "FILE_NO_DELETE":
            path = _quoted(each)
            kinds = ("message", "enum", "service")
            lost = {element.name for element in before.of_file(path, kinds)} & gone
            if lost or before.packages.get(path) in packages:
                continue
        yield each


def _finding(each: Annotation, before: Index, now: Index, old: Tree, new: Tree, *, chosen: bool) -> Finding:
    element = _element(each, before) if each.message.startswith(_GONE) else _element(each, now)
    location, path = _place(each, element, before, old, new)
    of_package = f"PACKAGE_{each.rule}"
    moved = each.rule == "FILE_NO_DELETE" or of_package in (
        "PACKAGE_MESSAGE_NO_DELETE", "PACKAGE_ENUM_NO_DELETE", "PACKAGE_SERVICE_NO_DELETE",
        "PACKAGE_EXTENSION_NO_DELETE",
    )  # fmt: skip
    severity = Severity.RISKY if moved and not chosen else Severity.BREAKING
    code = f"buf-{each.rule.lower().replace('_', '-')}"
    if path.rpartition("/")[2] == _EVENTS:
        severity = Severity.BREAKING
        code = (
            "event-removed"
            if each.rule in _EVENT_GONE
            else "event-moved"
            if each.rule == "FILE_SAME_PACKAGE"
            else "event-changed"
        )
    why, fix = reason_and_fix(code, each.rule)
    what = each.message if each.message.endswith(".") else f"{each.message}."
    return Finding(
        location,
        code,
        f"{what} {why}",
        fix,
        severity=severity,
        pointer=element.name if element else _package(each),
    )


def _place(
    each: Annotation, element: Element | None, before: Index, old: Tree, new: Tree
) -> tuple[Location, str]:
    """Return the location of an annotation, and the file it concerns: the old one for what vanished."""
    if each.message.startswith(_GONE) and element is not None:
        return old.location(element.path, element.line, element.column), element.path
    if each.rule == "FILE_NO_DELETE":
        return old.location(_quoted(each), 1, 1), _quoted(each)
    if each.rule == "PACKAGE_NO_DELETE":
        path = next((name for name, package in before.packages.items() if package == _package(each)), "")
        return old.location(path, 1, 1), path
    return new.location(each.path, each.line, each.column), each.path


def _element(each: Annotation, index: Index) -> Element | None:
    """Return the element that an annotation is about."""
    path, package, text = each.path, _package(each), each.message
    if found := _FIELD.search(text):
        number, name, message = found.groups()
        return index.find("field", f"{message}.{name}", number=number, path=path)
    if found := _VALUE.search(text):
        enum = index.find("enum", found[3], path=path)
        values = () if enum is None else index.of_file(enum.path, ["enum value"])
        inside = f"{enum.name}." if enum else ""
        return next((v for v in values if v.number == int(found[1]) and v.name.startswith(inside)), enum)
    if found := _RPC.search(text):
        return index.find("rpc", f"{found[2]}.{found[1]}", path=path)
    if found := _ONEOF.search(text):
        return index.find("oneof", f"{found[2]}.{found[1]}", path=path)
    if found := _WHOLE.search(text):
        return index.find(found[1].lower(), found[2], path="" if package else path, package=package)
    return None


def _package(each: Annotation) -> str:
    found = _PACKAGE.search(each.message)
    return (found[1] or found[2]) if found else ""


def _quoted(each: Annotation) -> str:
    found = re.search(r'"([^"]+)"', each.message)
    return found[1] if found else ""
