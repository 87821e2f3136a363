"""A dataclass does not show its secrets: its repr is what a log, a traceback or a debugger prints."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from aether_adapters.kernel.masking import names_secret

ROOT = Path(__file__).parents[2]
PACKAGES = ("adapters/src", "domains/*/src", "proto/gen")
HARMLESS = {
    "token_type",  # Bearer
    "token_url",
    "token_ca",
}


def shown_secrets(source: str) -> Iterator[str]:
    """Yield each field of a dataclass in a module that is text, has the name of a secret, and is part of the repr."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and any(
            "dataclass" in ast.unparse(each) for each in node.decorator_list
        ):
            for field in node.body:
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and names_secret(field.target.id)
                    and {"str", "bytes"} & set(ast.unparse(field.annotation).replace("[", " ").split())
                    and "repr=False" not in ast.unparse(field)
                ):
                    yield f"{node.name}.{field.target.id}"


def test_no_dataclass_shows_a_password_or_a_token() -> None:
    modules = [path for package in PACKAGES for path in sorted(ROOT.glob(f"{package}/**/*.py"))]
    assert len(modules) > 100
    shown = {
        name
        for path in modules
        for name in shown_secrets(path.read_text())
        if name.split(".")[1] not in HARMLESS
    }
    assert shown == set()


def test_a_field_that_shows_one_is_found() -> None:
    assert list(shown_secrets("@dataclass(slots=True)\nclass A:\n    password: str | None = None\n")) == [
        "A.password"
    ]
