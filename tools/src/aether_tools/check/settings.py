"""Checks the settings of a domain: each is described, and a secret is typed as one and has no default."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from aether_tools.check.source import Module, NameResolver
from aether_tools.finding import Finding, Location

_KIT: Final = "aether_adapters.service."
_SECRET_WORDS: Final = {"password", "passwords", "secret", "secrets", "token", "tokens", "key", "keys"}
_SECRET_TYPES: Final = ("SecretStr", "SecretBytes", "StrongSecret", "SecretUrl")


def check_settings(modules: Iterable[Module], names: NameResolver) -> Iterator[Finding]:
    """Yield the findings of each field of the settings classes in `modules`."""
    for module in modules:
        if not module.name.endswith(".settings"):
            continue
        for node in module.tree.body:
            bases = node.bases if isinstance(node, ast.ClassDef) else []
            if isinstance(node, ast.ClassDef) and any(
                (names.resolve(module, base) or "").startswith(_KIT) for base in bases
            ):
                for field in node.body:
                    yield from _field(module, field)


def _field(module: Module, field: ast.stmt) -> Iterator[Finding]:
    if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
        return
    name, kind = field.target.id, ast.unparse(field.annotation)
    if name == "model_config" or name.startswith("_") or kind.startswith("ClassVar"):
        return
    arguments = _arguments(field.value)
    place = Location(module.file, field.lineno, field.col_offset + 1)
    if "description" not in arguments:
        yield Finding(
            place,
            "setting-undocumented",
            f"The setting {name} does not say what it is for.",
            'Write it as Field(..., description="..."), with the unit of a number.',
        )
    is_secret = any(each in kind for each in _SECRET_TYPES)
    hidden = isinstance(shown := arguments.get("repr"), ast.Constant) and shown.value is False
    if name.rpartition("_")[2] in _SECRET_WORDS and not is_secret and not hidden:
        yield Finding(
            place,
            "setting-secret",
            f"The setting {name} is plain text, and its name says that it is a secret.",
            "Type it as StrongSecret or SecretStr, or give its Field repr=False.",
        )
    default = arguments.get("default")
    if (is_secret or hidden) and isinstance(default, ast.Constant | ast.Call) and not _is_empty(default):
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


def _is_empty(default: ast.Constant | ast.Call) -> bool:
    """Return whether a default is no value: None, ... or an empty text, also in SecretStr."""
    if isinstance(default, ast.Call):
        return all(isinstance(each, ast.Constant) and not each.value for each in default.args)
    return default.value is ... or not default.value
