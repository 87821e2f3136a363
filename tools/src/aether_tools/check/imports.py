"""Import rules: an allow-list for each layer of a domain.

A deny-list would miss a library that nobody thought of; an allow-list reports `import sqlalchemy` in domain/ because
nothing allows it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from aether_tools.check.source import Module, NameResolver
from aether_tools.finding import Finding, Location


class Zone(Enum):
    """What an import refers to, seen from one domain. Values are used in findings."""

    STDLIB = "the standard library"
    DOMAIN = "domain/"
    APPLICATION = "application/"
    ADAPTERS = "adapters/"
    ROOT = "the composition root"
    PURE = "the generated types and port of its own contract"
    EDGE = "the generated edges of its own contract"
    CLIENT = "the generated clients of other domains"
    EVENTS = "generated events"
    KERNEL = "aether_adapters.kernel"
    KIT = "aether_adapters"
    THIRD_PARTY = "third-party packages"
    INJECTOR = "dependency_injector"
    CONTRACT = "internal modules of generated code"
    OTHER_DOMAIN = "another domain"
    OTHER_EDGE = "the generated REST edge of another domain"
    TOOLS = "aether_tools"


_CORE: Final = (Zone.STDLIB, Zone.DOMAIN)
_USE_CASES: Final = (*_CORE, Zone.APPLICATION, Zone.PURE, Zone.KERNEL)
_DRIVEN: Final = (*_USE_CASES, Zone.ADAPTERS, Zone.KIT, Zone.THIRD_PARTY, Zone.CLIENT)
_ROOT: Final = (*_DRIVEN, Zone.ROOT, Zone.EDGE)

ALLOWED: Final = {
    "domain/": _CORE,
    "application/": _USE_CASES,
    "adapters/": _DRIVEN,
    "adapters/events.py": (*_DRIVEN, Zone.EVENTS),
    "settings.py": _ROOT,
    "__main__.py": _ROOT,
    "container.py": (*_ROOT, Zone.INJECTOR),
    "__init__.py": _USE_CASES,
}
"""Zones that each layer may import from. Any other module of a domain's package becomes a finding."""

_FIXES: Final = {
    Zone.OTHER_DOMAIN: "Call the other domain through its generated client in an adapter, or subscribe to its events.",
    Zone.OTHER_EDGE: "Serve this domain's own edge only; call the other domain through its generated client.",
    Zone.INJECTOR: "Build objects in container.py and take them as constructor arguments here.",
    Zone.EVENTS: "Map domain events to generated ones in adapters/events.py only.",
    Zone.CONTRACT: "Import from the types, port, grpc or events module of the same package instead.",
    Zone.TOOLS: "Remove the import; aether_tools is for development and CI, and is not installed with a service.",
    Zone.ROOT: "Take what you need as a constructor argument; only container.py and __main__.py import these modules.",
}
_DEFAULT_FIX: Final = "Move the code that needs it to adapters/, behind a port in application/ports.py."
_PACKAGE_PARTS: Final = 3
"""Parts of the name of a contract's package: <workspace>.<domain>.<version>."""


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Assigns zones to names as seen from one `domain`; `domains` holds the names of all domains."""

    workspace: str
    domain: str
    domains: Collection[str]

    def zone(self, name: str) -> Zone:
        """Return the zone of a dotted name."""
        parts = name.split(".")
        first = parts[0]
        if first == f"{self.workspace}_{self.domain}":
            return _OWN.get(parts[1] if len(parts) > 1 else "", Zone.ROOT)
        if first == self.workspace:
            return self._contract(parts)
        if first == f"{self.workspace}_openapi":
            own = len(parts) > 1 and parts[1] == self.domain
            return Zone.EDGE if own else Zone.OTHER_EDGE
        if first in {f"{self.workspace}_{domain}" for domain in self.domains}:
            return Zone.OTHER_DOMAIN
        if first == "aether_adapters" and parts[1:2] == ["kernel"]:
            return Zone.KERNEL
        return _WELL_KNOWN.get(first, Zone.STDLIB if first in sys.stdlib_module_names else Zone.THIRD_PARTY)

    def _contract(self, parts: list[str]) -> Zone:
        owner = parts[1] if len(parts) > 1 else ""
        module = parts[_PACKAGE_PARTS] if len(parts) > _PACKAGE_PARTS else ""
        if module == "events":
            return Zone.EVENTS
        if owner in {self.domain, "common"}:
            if module in {"types", "port"}:
                return Zone.PURE
            return Zone.EDGE if module in {"grpc", "threads"} else Zone.CONTRACT
        return Zone.CLIENT if module in {"types", "port", "grpc"} else Zone.CONTRACT


_OWN: Final = {"domain": Zone.DOMAIN, "application": Zone.APPLICATION, "adapters": Zone.ADAPTERS}
_WELL_KNOWN: Final = {
    "aether_adapters": Zone.KIT,
    "aether_tools": Zone.TOOLS,
    "dependency_injector": Zone.INJECTOR,
}


def check_imports(viewpoint: Viewpoint, modules: Iterable[Module], names: NameResolver) -> Iterator[Finding]:
    """Yield a finding for each import that its layer does not allow, and for each module without a layer."""
    for module in modules:
        layer = layer_of(module)
        if layer is None:
            yield Finding(
                Location(module.file, 1, 1),
                "import-no-layer",
                "This module belongs to no layer of the domain.",
                "Move it to the layer that it belongs to: domain/, application/ or adapters/.",
            )
            continue
        allowed = ALLOWED[layer]
        for node, name in imports_of(module, names):
            if name is None:
                continue  # the check of effects reports it, with other ways to reach a module
            zone = viewpoint.zone(name)
            if zone not in allowed:
                yield Finding(
                    location(module, node),
                    "import-domain" if zone is Zone.OTHER_DOMAIN else "import-layer",
                    f"{layer} imports {name}, but may import only {', '.join(each.value for each in allowed)}.",
                    _FIXES.get(zone, _DEFAULT_FIX),
                )


def forbidden_in_kits(workspace: str, domains: Iterable[str]) -> frozenset[str]:
    """Return the packages that no kit and no tool may import: the contracts of the workspace and its domains."""
    return frozenset({workspace, f"{workspace}_openapi", *(f"{workspace}_{domain}" for domain in domains)})


def check_kit(
    forbidden: Collection[str], modules: Iterable[Module], names: NameResolver
) -> Iterator[Finding]:
    """Yield a finding for each import of a contract or a domain in a kit or tool of this workspace."""
    for module in modules:
        for node, name in imports_of(module, names):
            if name is not None and name.partition(".")[0] in forbidden:
                yield Finding(
                    location(module, node),
                    "import-kit",
                    f"{module.name.partition('.')[0]} imports {name}, but a kit or tool must work in every workspace.",
                    "Take what it needs as an argument; kits and tools import no domain and no contract.",
                )


def imports_of(module: Module, names: NameResolver) -> Iterator[tuple[ast.AST, str | None]]:
    """Yield each import of a module and the dotted name that it imports. None if known only at run time."""
    for node in module.nodes:
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield node, alias.name
            case ast.ImportFrom(names=aliases):
                origin = module.origin(node)
                for alias in aliases:
                    # `from acme_billing import adapters` imports a module, not a name in one.
                    yield node, origin if alias.name == "*" else f"{origin}.{alias.name}"
            case ast.Call(func=function) if names.resolve(module, function) in IMPORTERS:
                yield node, literal_import(module, node)


IMPORTERS: Final = {"importlib.import_module", "importlib.__import__", "builtins.__import__", "__import__"}


def literal_import(module: Module, call: ast.Call) -> str | None:
    """Return the dotted name that a call of an importer imports. None if known only at run time."""
    arguments = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "name")]
    match arguments:
        case [ast.Constant(value=str(name)), *_]:
            if not name.startswith("."):
                return name
            level = len(name) - len(name.lstrip("."))
            return module.origin(ast.ImportFrom(module=name[level:] or None, names=[], level=level))
        case _:
            return None


def layer_of(module: Module) -> str | None:
    """Return the layer of a domain's module, a key of `ALLOWED`. None if it has none."""
    parts = module.file.partition("/src/")[2].split("/")[1:]
    if parts[:-1]:
        inner = "/".join(parts)
        if inner == "adapters/events.py" or inner.startswith("adapters/events/"):
            return "adapters/events.py"
        return f"{parts[0]}/" if f"{parts[0]}/" in ALLOWED else None
    return parts[0] if parts[0] in ALLOWED else None


def location(module: Module, node: ast.AST) -> Location:
    """Return where a node stands."""
    return Location(module.file, getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1)
