"""Who may import whom: an allow-list for each layer of a domain.

A list of what is forbidden would miss the library nobody thought of; this one finds `import sqlalchemy` in a core
because nobody allowed it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from aether_tools.check.source import Module, Names
from aether_tools.finding import Finding, Location


class Zone(Enum):
    """What an import reaches, as seen from one domain."""

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
    CONTRACT = "the inside of generated code"
    OTHER_DOMAIN = "another domain"
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
"""What each layer may import. Whatever else stands in a domain's package has no layer, and is found."""

_FIXES: Final = {
    Zone.OTHER_DOMAIN: "Call it through its generated client in an adapter, or listen to its events; domains never import each other.",
    Zone.INJECTOR: "Build objects in container.py and take them as constructor arguments here.",
    Zone.EVENTS: "Map domain events to generated ones in adapters/events.py, and nowhere else.",
    Zone.CONTRACT: "Import from the types, port, grpc or events module beside it; this one is the generator's own.",
    Zone.TOOLS: "aether_tools is a command for people and CI; a running service must not need it.",
    Zone.ROOT: "Only container.py and __main__.py know everything; take what you need as a constructor argument.",
}
_USUAL_FIX: Final = "Put what needs it into adapters/, behind a port in application/ports.py."
_VERSION: Final = 3  # parts of a contract's package: <workspace>.<domain>.<version>


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What tells the zones of one domain apart."""

    workspace: str
    domain: str
    domains: Collection[str]

    def zone(self, name: str) -> Zone:
        """The zone of the dotted name `name`."""
        parts = name.split(".")
        first = parts[0]
        if first == f"{self.workspace}_{self.domain}":
            return _OWN.get(parts[1] if len(parts) > 1 else "", Zone.ROOT)
        if first == self.workspace:
            return self._contract(parts)
        if first == f"{self.workspace}_openapi":
            own = len(parts) > 1 and parts[1] == self.domain
            return Zone.EDGE if own else Zone.CONTRACT
        if first in {f"{self.workspace}_{domain}" for domain in self.domains}:
            return Zone.OTHER_DOMAIN
        if first == "aether_adapters" and parts[1:2] == ["kernel"]:
            return Zone.KERNEL
        return _WELL_KNOWN.get(first, Zone.STDLIB if first in sys.stdlib_module_names else Zone.THIRD_PARTY)

    def _contract(self, parts: list[str]) -> Zone:
        owner = parts[1] if len(parts) > 1 else ""
        module = parts[_VERSION] if len(parts) > _VERSION else ""
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


def check_imports(around: Surroundings, modules: Iterable[Module], names: Names) -> Iterator[Finding]:
    """Every import of a domain's package that its layer does not allow."""
    for module in modules:
        layer = _layer(module)
        if layer is None:
            yield Finding(
                Location(module.file, 1, 1),
                "import-no-layer",
                "This module stands in no layer of the domain.",
                "Move it into domain/, application/ or adapters/, whichever says what it is for.",
            )
            continue
        allowed = ALLOWED[layer]
        for node, name in imported(module, names):
            if name is None:
                if layer in {"domain/", "application/"}:
                    yield Finding(
                        _location(module, node),
                        "import-dynamic",
                        f"{layer} imports a module whose name is known only when it runs.",
                        "Import it by name, or take it as a constructor argument.",
                    )
                continue
            zone = around.zone(name)
            if zone not in allowed:
                yield Finding(
                    _location(module, node),
                    "import-domain" if zone is Zone.OTHER_DOMAIN else "import-layer",
                    f"{layer} imports {name}; it may import {', '.join(each.value for each in allowed)}.",
                    _FIXES.get(zone, _USUAL_FIX),
                )


def check_kit(
    workspace: str, domains: Collection[str], modules: Iterable[Module], names: Names
) -> Iterator[Finding]:
    """Every import of a contract or a domain in a kit or tool that lives in this workspace."""
    taken = {workspace, f"{workspace}_openapi", *(f"{workspace}_{domain}" for domain in domains)}
    for module in modules:
        for node, name in imported(module, names):
            if name is not None and name.partition(".")[0] in taken:
                yield Finding(
                    _location(module, node),
                    "import-kit",
                    f"{module.name.partition('.')[0]} imports {name}, which belongs to one workspace.",
                    "Take it as an argument: kits and tools know no domain and no contract.",
                )


def imported(module: Module, names: Names) -> Iterator[tuple[ast.AST, str | None]]:
    """Each import of a module with the dotted name it reaches; None where only running it tells."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield node, alias.name
            case ast.ImportFrom(names=aliases):
                origin = module.origin(node)
                for alias in aliases:
                    # `from acme_billing import adapters` reaches a module, not a name in one.
                    yield node, origin if alias.name == "*" else f"{origin}.{alias.name}"
            case ast.Call(func=function) if names.of(module, function) in _IMPORTERS:
                yield node, _literal(module, node)


_IMPORTERS: Final = {"importlib.import_module", "importlib.__import__", "builtins.__import__", "__import__"}


def _literal(module: Module, call: ast.Call) -> str | None:
    arguments = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "name")]
    match arguments:
        case [ast.Constant(value=str(name)), *_]:
            if not name.startswith("."):
                return name
            level = len(name) - len(name.lstrip("."))
            return module.origin(ast.ImportFrom(module=name[level:] or None, names=[], level=level))
        case _:
            return None


def _layer(module: Module) -> str | None:
    parts = module.file.partition("/src/")[2].split("/")[1:]
    if parts[:-1]:
        inner = "/".join(parts)
        if inner == "adapters/events.py" or inner.startswith("adapters/events/"):
            return "adapters/events.py"
        return f"{parts[0]}/" if f"{parts[0]}/" in ALLOWED else None
    return parts[0] if parts[0] in ALLOWED else None


def _location(module: Module, node: ast.AST) -> Location:
    return Location(module.file, getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1)
