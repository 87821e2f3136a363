"""Checks the settings of a domain: each is typed, described and used, and a secret is typed as one without a default.

Nothing else reads the environment, and the settings for development are settings that exist.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aether_tools.check.imports import layer_of
from aether_tools.check.source import Module, NameResolver
from aether_tools.console import UsageError
from aether_tools.development import development
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain

_KIT: Final = "aether_adapters.service."
_SECRET_WORDS: Final = frozenset(
    "password passwords passphrase secret secrets token tokens key keys credential credentials pem".split()  # noqa: SIM905
)
_ENVIRONMENT: Final = frozenset({"os.environ", "os.environb", "os.getenv", "os.getenvb"})
_NO_FIELDS: Final = frozenset({"model_config", "needed_by"})
_SIMILAR: Final = 0.85
_PARTS: Final = frozenset({"servers", "use_cases", "worker"})
"""What may need a setting, by `ServiceSettings.needed_by`."""
_SECRET_TYPES: Final = ("SecretStr", "SecretBytes", "StrongSecret", "SecretUrl")


def check_settings(modules: Sequence[Module], names: NameResolver) -> Iterator[Finding]:
    """Yield the findings of each field of the settings classes in `modules`, and of what reads the environment."""
    kit = kit_fields()
    used = _used(modules)
    for module, fields in _classes(modules, names):
        yield from _needed(module, fields, {*kit, *map(_name, fields)})
        for field in fields:
            yield from _untyped(module, field)
            yield from _field(module, field)
            name = _name(field)
            if name and name not in used and name not in kit:
                yield Finding(
                    Location(module.file, field.lineno, field.col_offset + 1),
                    "setting-unused",
                    f"Nothing in the domain uses the setting {name}.",
                    f"Pass settings.provided.{name} to what needs it in container.py, or remove the field.",
                )
    yield from _environment(modules, names)


def check_development(
    domain: Domain, file: str, text: str, modules: Sequence[Module], names: NameResolver
) -> Iterator[Finding]:
    """Yield a finding for each setting for development in a domain's pyproject.toml, `file`, that is none of its own.

    A variable with another prefix, such as OTEL_SDK_DISABLED, may be another program's; it is one of the domain's,
    misspelt, if it is much like one.
    """
    if not any(_classes(modules, names)):
        return  # settings of another kind, whose fields are unknown
    # Of every class, because one may derive from another.
    written = [module for module in modules if module.name.endswith(".settings")]
    bodies = [node.body for module in written for node in module.nodes if isinstance(node, ast.ClassDef)]
    own = [name for body in bodies for name in map(_name, body) if name]
    known = {f"{domain.prefix}{name}".upper() for name in (*own, *kit_fields())}
    known |= {f"{name}_FILE" for name in known}
    with suppress(UsageError):  # the check of the containers reports it
        for name in development(domain).settings_for(1):
            plain = name.upper()
            forms = (plain, f"{domain.prefix}{plain}")
            close = [each for form in forms for each in get_close_matches(form, sorted(known), 1, _SIMILAR)]
            if name in known or not (
                name.startswith(domain.prefix) or f"{domain.prefix}{name}" in known or close
            ):
                continue
            meant = (
                f"{domain.prefix}{name}" if f"{domain.prefix}{name}" in known else close[0] if close else ""
            )
            found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
            line = 1 + text[: found.start()].count("\n") if found else 1
            yield Finding(
                Location(file, line, 1),
                "setting-unknown",
                f"{name} is no setting of {domain.name}.",
                f"Write {meant}." if meant else "Declare the field in settings.py, or remove the value.",
            )


@cache
def kit_fields() -> frozenset[str]:
    """Return the fields of the kit's settings, which the kit itself uses. Read, not imported: pydantic is slow to start."""
    spec = find_spec("aether_adapters")
    folder = Path(spec.origin or "").parent / "service" if spec is not None else Path()
    trees = [ast.parse(file.read_bytes()) for file in sorted(folder.glob("*settings.py"))]
    trees += [ast.parse(file.read_bytes()) for file in sorted(folder.glob("variables.py"))]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    return frozenset(name for each in classes for name in map(_name, each.body) if name)


def _classes(modules: Iterable[Module], names: NameResolver) -> Iterator[tuple[Module, list[ast.stmt]]]:
    for module in modules:
        if not module.name.endswith(".settings"):
            continue
        for node in module.tree.body:
            bases = node.bases if isinstance(node, ast.ClassDef) else []
            if isinstance(node, ast.ClassDef) and any(
                (names.resolve(module, base) or "").startswith(_KIT) for base in bases
            ):
                yield module, node.body


def _name(statement: ast.stmt) -> str:
    """Return the name of a field. Empty for anything else in a class."""
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        return ""
    name = statement.target.id
    hidden = name == "model_config" or name.startswith("_")
    return "" if hidden or ast.unparse(statement.annotation).startswith("ClassVar") else name


def _used(modules: Iterable[Module]) -> set[str]:
    """Return the attributes that the domain reads, and the texts that `getattr` could take."""
    used = set()
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                used.add(node.attr)
            elif (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "getattr"
                and len(node.args) > 1
                and isinstance(node.args[1], ast.Constant)
            ):
                used.add(str(node.args[1].value))
    return used


def _untyped(module: Module, field: ast.stmt) -> Iterator[Finding]:
    match field:
        case ast.Assign(targets=[ast.Name(id=name)]) if name not in _NO_FIELDS and not name.startswith("_"):
            reason = f"The setting {name} has no type, so the class cannot be made."
        case ast.AnnAssign(target=ast.Name(id=name), annotation=kind) if ast.unparse(kind).rpartition(".")[
            2
        ] in {
            "Any",
            "object",
        }:
            reason = f"The setting {name} has the type {ast.unparse(kind)}, so any text is accepted."
        case _:
            return
    yield Finding(
        Location(module.file, field.lineno, field.col_offset + 1),
        "setting-untyped",
        reason,
        f"Write {name}: and the type that it has, such as int, before the =.",
    )


def _handed_on(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node passes on as the environment of another process, whole or with more variables."""
    match node:
        case ast.keyword(arg="env", value=value):
            yield value
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from (left, right)
        case ast.Dict(keys=keys, values=values):
            yield from (value for key, value in zip(keys, values, strict=True) if key is None)


def _needed(module: Module, body: Sequence[ast.stmt], known: Collection[str]) -> Iterator[Finding]:
    """Yield a finding for each name in `needed_by` that is no setting, or no part of a process."""
    for statement in body:
        target: ast.expr | None = statement.target if isinstance(statement, ast.AnnAssign) else None
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
        if not isinstance(target, ast.Name) or target.id != "needed_by":
            continue
        for node in ast.walk(statement):
            for key in node.keys if isinstance(node, ast.Dict) else ():
                yield from _must_be(module, key, known, "setting of this class")
            if isinstance(node, ast.Set):
                for each in node.elts:
                    yield from _must_be(module, each, _PARTS, "part of a process")


def _must_be(
    module: Module, written: ast.expr | None, known: Collection[str], what: str
) -> Iterator[Finding]:
    if not isinstance(written, ast.Constant) or not isinstance(written.value, str) or written.value in known:
        return
    close = get_close_matches(written.value, sorted(known), 1)
    yield Finding(
        Location(module.file, written.lineno, written.col_offset + 1),
        "setting-unknown",
        f"{written.value} in needed_by is no {what}, so nothing asks for the variable before the start.",
        f"Write {close[0]}." if close else "Correct the name, or remove it.",
    )


def _environment(modules: Iterable[Module], names: NameResolver) -> Iterator[Finding]:
    for module in modules:
        layer = layer_of(module)
        if layer in {None, "domain/", "application/"}:
            continue  # the check of effects reports it
        handed_on = {id(each) for node in module.nodes for each in _handed_on(node)}
        for node in module.nodes:
            if id(node) in handed_on:
                continue
            if isinstance(node, ast.Attribute | ast.Name) and names.resolve(module, node) in _ENVIRONMENT:
                yield Finding(
                    Location(module.file, node.lineno, node.col_offset + 1),
                    "setting-environment",
                    f"{layer} reads the environment itself, so no reference lists the variable and nothing checks it.",
                    "Declare a field in settings.py, and take its value as an argument.",
                )


def _field(module: Module, field: ast.stmt) -> Iterator[Finding]:
    name = _name(field)
    if not name or not isinstance(field, ast.AnnAssign):
        return
    kind = ast.unparse(field.annotation)
    arguments = _arguments(field.value)
    place = Location(module.file, field.lineno, field.col_offset + 1)
    described = arguments.get("description")
    if described is None or (isinstance(described, ast.Constant) and not str(described.value).strip()):
        yield Finding(
            place,
            "setting-undocumented",
            f"The setting {name} does not say what it is for.",
            'Write it as Field(..., description="..."), with the unit of a number.',
        )
    is_secret = any(each in kind for each in _SECRET_TYPES)
    hidden = isinstance(shown := arguments.get("repr"), ast.Constant) and shown.value is False
    readable = re.search(r"\b(str|bytes|Any|object)\b", kind)  # max_tokens: int is a number of them
    if name.rpartition("_")[2] in _SECRET_WORDS and readable and not is_secret and not hidden:
        yield Finding(
            place,
            "setting-secret",
            f"The setting {name} is plain text, and its name says that it is a secret.",
            "Type it as StrongSecret or SecretStr, or give its Field repr=False.",
        )
    default = arguments.get("default")
    if (is_secret or hidden) and default is not None and not _is_empty(default):
        yield Finding(
            place,
            "setting-default",
            f"The secret {name} has a default, which everyone who reads the code knows.",
            "Remove the default; give development a value in [tool.aether.development.settings].",
        )


def _arguments(value: ast.expr | None) -> dict[str | None, ast.expr]:
    """Return the arguments of `Field`, or a plain value as its default."""
    if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == "Field":
        found: dict[str | None, ast.expr] = {each.arg: each.value for each in value.keywords}
        return found | {"default": value.args[0]} if value.args else found
    return {} if value is None else {"default": value}


def _is_empty(default: ast.expr) -> bool:
    """Return whether a default is no value: None, ..., an empty text or collection, also in SecretStr, or a name."""
    match default:
        case ast.Call(args=arguments):
            return all(isinstance(each, ast.Constant) and not each.value for each in arguments)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return not parts
        case ast.Constant(value=value):
            return value is ... or not value
        case _:
            return True
