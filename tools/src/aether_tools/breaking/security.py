"""Compares who may call an operation: the alternatives of `security`, and the schemes that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aether_tools.breaking.changes import Changes, Key
from aether_tools.breaking.library import Library
from aether_tools.breaking.places import Place, at, at_key, vanished
from aether_tools.breaking.shape import canonical
from aether_tools.compiler.openapi.document import Node

Alternative = Mapping[str, frozenset[str]]
"""Scopes by the name of a scheme; all schemes are needed. Without any, no credentials are."""

_IDENTITY = ("type", "in", "name", "scheme")
_URLS = ("openIdConnectUrl", "authorizationUrl", "tokenUrl", "refreshUrl")


def schemes(root: Node, library: Library) -> dict[str, Node]:
    """Return the security schemes of a document by name."""
    components = root.get("components")
    found = {} if components is None else dict(components.entries("securitySchemes"))
    resolved = ((name, library.resolve(node)) for name, node in found.items())
    return {name: node for name, node in resolved if node is not None}


def same_names(old: Mapping[str, Node], new: Mapping[str, Node]) -> dict[str, str]:
    """Return the old name of each new scheme that was only renamed."""
    gone = {canonical(node.plain()): name for name, node in old.items() if name not in new}
    return {
        name: gone[canonical(node.plain())]
        for name, node in new.items()
        if name not in old and canonical(node.plain()) in gone
    }


def compare_schemes(old: Mapping[str, Node], new: Mapping[str, Node], changes: Changes) -> None:
    """Compare the schemes that both documents have."""
    for name in sorted(old.keys() & new.keys()):
        key: Key = ("scheme", name)
        before, now = old[name], new[name]
        for word in _IDENTITY:
            if before.text(word) != now.text(word):
                what = (
                    f"The security scheme {name} has {word} {now.text(word)} instead of {before.text(word)}"
                )
                changes.add("api-security-scheme-changed", what, at_key(now, word), key)
        for code, what, place in _urls(name, before, now):
            changes.add(code, what, place, key)
        flows_before, flows_now = dict(before.entries("flows")), dict(now.entries("flows"))
        for flow in flows_before:
            if flow not in flows_now:
                gone = vanished(flows_before[flow])
                changes.add(
                    "api-security-scheme-changed",
                    f"The security scheme {name} has no flow {flow} any more",
                    gone,
                    key,
                )
                continue
            for code, what, place in _urls(name, flows_before[flow], flows_now[flow]):
                changes.add(code, what, place, key)
            scopes_now = dict(flows_now[flow].entries("scopes"))
            for scope, node in flows_before[flow].entries("scopes"):
                if scope not in scopes_now:
                    what = f"The security scheme {name} has no scope {scope} any more"
                    changes.add("api-security-scope-removed", what, vanished(node), key)


def _urls(name: str, old: Node, new: Node) -> Iterator[tuple[str, str, Place]]:
    for word in _URLS:
        before, now = old.get(word), new.get(word)
        if before is not None and now is not None and before.scalar != now.scalar:
            what = f"The security scheme {name} has another {word}"
            yield "api-security-url-changed", what, at(now)


def alternatives(root: Node, operation: Node) -> tuple[Node, tuple[Alternative, ...]]:
    """Return where an operation's security stands, and its alternatives. Without security anybody may call."""
    owner = operation if "security" in operation else root
    listed = tuple(
        {
            scheme: frozenset(str(scope.scalar) for scope in scopes.elements())
            for scheme, scopes in node.items()
        }
        for node in owner.listed("security")
    )
    return owner, listed or ({},)


def compare_security(
    old: tuple[Node, tuple[Alternative, ...]],
    new: tuple[Node, tuple[Alternative, ...]],
    renamed: Mapping[str, str],
    changes: Changes,
    key: Key,
) -> None:
    """Compare the alternatives of one operation: each old one must still be enough."""
    owner, listed = new
    now = tuple({renamed.get(name, name): scopes for name, scopes in each.items()} for each in listed)
    place = at_key(owner, "security")
    if "security" not in owner:
        place = Place(old[0].key("security"), f"{old[0].pointer}/security", old=True)
    for alternative in old[1]:
        if any(_enough(alternative, each) for each in now):
            continue
        scopes = [
            scopes - alternative[name]
            for each in now
            if each.keys() <= alternative.keys()
            for name, scopes in each.items()
        ]
        missing = sorted({scope for each in scopes for scope in each})
        if missing:
            changes.add("api-scope-added", f"The scope {' and '.join(missing)} is needed now", place, key)
        else:
            wanted = " or ".join(" and ".join(sorted(each)) or "nothing" for each in now)
            given = " and ".join(sorted(alternative)) or "no credentials"
            changes.add(
                "api-security-added",
                f"{given} {'is' if alternative else 'are'} not enough any more, but {wanted}",
                place,
                key,
            )
    if any(not any(_enough(each, before) for before in old[1]) for each in now) and all(
        any(_enough(before, each) for each in now) for before in old[1]
    ):
        changes.add("api-security-relaxed", "Other credentials are enough as well", place, key)


def _enough(given: Alternative, needed: Alternative) -> bool:
    """Return whether a caller with these credentials fulfils an alternative."""
    return all(name in given and scopes <= given[name] for name, scopes in needed.items())
