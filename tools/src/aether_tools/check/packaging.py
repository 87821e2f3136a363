"""Checks the package of a domain: what it imports is declared, its wheel has the migrations, its roles can run."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from aether_tools.check.imports import location
from aether_tools.check.source import Module, read
from aether_tools.console import UsageError
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace, toml_table

_WHEEL: Final = ("tool", "hatch", "build", "targets", "wheel")


def check_packaging(workspace: Workspace, domain: Domain, modules: Sequence[Module]) -> Iterator[Finding]:
    """Yield what is wrong with a domain's pyproject.toml and its roles."""
    file = domain.folder / "pyproject.toml"
    try:
        project = toml_table(file, "project") or {}
        wheel = toml_table(file, *_WHEEL) or {}
    except UsageError:
        return  # the check of the containers reports it
    text = file.read_text(encoding="utf-8", errors="replace")
    yield from _name(workspace, domain, project, text)
    if "hatchling" in text:
        yield from _migrations(domain, wheel, text)
    yield from _roles(domain, modules)


def check_dependencies(
    workspace: Workspace, domain: Domain, modules: Sequence[Module], known: Mapping[str, frozenset[str]]
) -> Iterator[Finding]:
    """Yield a finding for the first import of each distribution that a domain does not declare.

    `known` are the `distributions` of the workspace. What is not installed in the workspace's Python is passed over: importing it fails.
    """
    try:
        project = toml_table(domain.folder / "pyproject.toml", "project") or {}
    except UsageError:
        return
    declared = {
        _normal(re.split(r"[\s\[;<>=!~@(]", str(each), maxsplit=1)[0])
        for each in _list(project, "dependencies")
    }
    if not declared:
        return  # a domain that is being written, or one that installs what it needs in another way
    told = {_normal(str(project.get("name", "")))}
    migrations = [
        each
        for each in read(workspace.root, domain.folder / "migrations", "migrations")
        if isinstance(each, Module)
    ]
    for module in (*modules, *migrations):
        for node, name in _imported(module):
            package = name.partition(".")[0]
            owners = known.get(name, frozenset()) or known.get(package, frozenset())
            if not owners or owners & (declared | told):
                continue
            told |= owners
            wanted = sorted(owners)[0]
            yield Finding(
                location(module, node),
                "dependency-undeclared",
                f"{domain.name} imports {name if name in known else package}, and its pyproject.toml does not declare {wanted}.",
                f'Add "{wanted}" to dependencies in domains/{domain.name}/pyproject.toml: an image may be built without it.',
            )


def _imported(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield each import and the first two parts of its name, without what is optional or for type checkers only."""
    optional = {
        id(each)
        for node in module.nodes
        if isinstance(node, ast.Try | ast.If) and _is_optional(node)
        for statement in node.body
        for each in ast.walk(statement)
    }
    for node in module.nodes:
        if id(node) in optional:
            continue
        if isinstance(node, ast.Import):
            yield from ((node, ".".join(alias.name.split(".")[:2])) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from ((node, ".".join(name.split(".")[:2])) for name in names)


def _is_optional(node: ast.Try | ast.If) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    caught = [ast.unparse(handler.type) for handler in node.handlers if handler.type is not None]
    return any("ImportError" in each or "ModuleNotFoundError" in each for each in caught)


def distributions(workspace: Workspace) -> Mapping[str, frozenset[str]]:
    """Return the distributions that have each package, also those of the workspace's members."""
    name, kebab = workspace.name, workspace.name.replace("_", "-")
    found = {
        name: frozenset({f"{kebab}-proto"}),
        f"{name}_openapi": frozenset({f"{kebab}-openapi"}),
        "aether_adapters": frozenset({"aether-adapters"}),
        "aether_tools": frozenset({"aether-tools"}),
    }
    python = workspace.python
    folders = [str(each) for each in python.parent.parent.glob("lib/python*/site-packages")]
    if python == Path(sys.executable):
        folders = sys.path
    installed: dict[str, set[str]] = {}
    for distribution in metadata.distributions(path=folders):
        for package in _packages(distribution):
            installed.setdefault(package, set()).add(_normal(str(distribution.metadata["Name"] or "")))
    return {package: frozenset(owners) for package, owners in installed.items()} | found


def _packages(distribution: metadata.Distribution) -> set[str]:
    """Return the top-level packages and modules of a distribution, and the packages of a namespace such as google."""
    files = [each.parts for each in distribution.files or () if each.suffix in {".py", ".so", ".pyd"}]
    own = {parts[0] for parts in files if parts[1:] == ("__init__.py",)}
    found = {parts[0].partition(".")[0] for parts in files}
    found |= {
        f"{parts[0]}.{parts[1].partition('.')[0]}"
        for parts in files
        if len(parts) > 1 and parts[0] not in own
    }
    return {
        each for each in found if each.replace(".", "").isidentifier() and each not in sys.stdlib_module_names
    }


def _name(workspace: Workspace, domain: Domain, project: Mapping[str, Any], text: str) -> Iterator[Finding]:
    wanted = _normal(f"{workspace.name}-{domain.name}")
    name = str(project.get("name", ""))
    if name and _normal(name) != wanted:
        yield Finding(
            Location(_file(domain), _line(text, rf"name\s*=\s*[\"']{re.escape(name)}"), 1),
            "package-name",
            f"The distribution of {domain.name} is called {name}.",
            f'Write name = "{wanted}": images, the source of events and the lock go by it.',
        )


def _migrations(domain: Domain, wheel: Mapping[str, Any], text: str) -> Iterator[Finding]:
    packages = [str(each) for each in _list(wheel, "packages")]
    if packages and f"src/{domain.package}" not in packages:
        yield Finding(
            Location(_file(domain), _line(text, r"packages\s*="), 1),
            "package-sources",
            f"The wheel of {domain.name} does not contain src/{domain.package}.",
            f'Write packages = ["src/{domain.package}"].',
        )
    if not (domain.folder / "migrations" / "env.py").is_file():
        return
    included = wheel.get("force-include")
    given = included.get("migrations") if isinstance(included, dict) else None
    if given != f"{domain.package}/migrations":
        pattern = r"[\"']?migrations[\"']?\s*=" if given else r"\[tool\.hatch\.build\.targets\.wheel"
        yield Finding(
            Location(_file(domain), _line(text, pattern), 1),
            "package-migrations",
            f"The wheel of {domain.name} does not contain its migrations where the migrate role looks for them.",
            f'Write "migrations" = "{domain.package}/migrations" in [tool.hatch.build.targets.wheel.force-include].',
        )


def _roles(domain: Domain, modules: Sequence[Module]) -> Iterator[Finding]:
    """Yield a finding for each role that the command line has and the container does not, or the other way round."""
    by_name = {module.name: module for module in modules}
    main, container = by_name.get(f"{domain.package}.__main__"), by_name.get(f"{domain.package}.container")
    if main is None or container is None:
        return
    offered, served = _offered(main), _served(container)
    if offered is None or served is None:
        return
    for role, node in served.items():
        if role not in offered:
            yield Finding(
                location(container, node),
                "container-roles",
                f"The container has the role {role}, which `python -m {domain.package}` does not.",
                f"Add it to ROLES in __main__.py, or remove it here; there are {', '.join(sorted(offered))}.",
            )
    for role, key in offered.items():
        if key is not None and role not in served:
            yield Finding(
                location(main, key),
                "container-roles",
                f"`python -m {domain.package} {role}` is offered, and `roles` of the container does not have it.",
                "Add it to roles in container.py, or remove it here.",
            )


_OF_EVERY_SERVICE: Final = ("migrate", "api", "rpc")
"""The roles of `aether_adapters.service.cli.ROLES`."""


def _offered(main: Module) -> dict[str, ast.AST | None] | None:
    """Return the roles of ROLES in __main__.py, each with its key. None if that is not known."""
    for statement in main.tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="ROLES")], value=ast.Dict() as roles)
                | ast.AnnAssign(target=ast.Name(id="ROLES"), value=ast.Dict() as roles)
            ):
                found: dict[str, ast.AST | None] = {}
                for key, value in zip(roles.keys, roles.values, strict=True):
                    if key is None and ast.unparse(value).endswith("ROLES"):
                        found |= dict.fromkeys(_OF_EVERY_SERVICE)
                    elif isinstance(key, ast.Constant) and key.value != "migrate":
                        found[str(key.value)] = key
                    elif not isinstance(key, ast.Constant):
                        return None
                return found
    return None


def _served(container: Module) -> dict[str, ast.AST] | None:
    """Return the roles of the container's `roles`, each with its place. None if that is not known."""
    for node in container.nodes:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="roles")], value=value)
                | ast.AnnAssign(target=ast.Name(id="roles"), value=ast.expr() as value)
            ):
                sets = [each for each in ast.walk(value) if isinstance(each, ast.Set)]
                if len(sets) != 1 or not all(isinstance(each, ast.Constant) for each in sets[0].elts):
                    return None
                return {str(each.value): each for each in sets[0].elts if isinstance(each, ast.Constant)}
    return None


def _list(table: Mapping[str, Any], name: str) -> list[Any]:
    found = table.get(name)
    return found if isinstance(found, list) else []


def _file(domain: Domain) -> str:
    return f"domains/{domain.name}/pyproject.toml"


def _line(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    return 1 + text[: found.start()].count("\n") if found else 1


def _normal(name: str) -> str:
    """Return the name of a distribution as indexes compare it. Source: https://packaging.python.org/specifications/name-normalization"""
    return re.sub(r"[-_.]+", "-", name).lower()
