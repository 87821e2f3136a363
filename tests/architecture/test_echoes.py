"""A problem's detail and values repeat no text that a caller sent: it may be a secret, or an attack on whoever reads it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN_WORDS = {
    "field": "a name of the contract",
    "status": "a state of the domain",
    "message": "a sentence of the domain",
    "reason": "a sentence of the domain",
    "character": "the name of one invisible character, such as U+202E",
}
"""Parameters of type str that no caller fills."""
NOT_SENT = {"UsernameUnknown": "is printed by a command of the administrator, who typed the name"}


def echoes(source: str) -> Iterator[str]:
    """Yield `Class.parameter` for each text that an error class takes, but the domain's own words."""
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef) or node.name in NOT_SENT:
            continue
        for made in node.body:
            if isinstance(made, ast.FunctionDef) and made.name == "__init__":
                for each in made.args.args[1:]:
                    annotation = ast.unparse(each.annotation) if each.annotation else "str"
                    if "str" in annotation and each.arg not in OWN_WORDS:
                        yield f"{node.name}.{each.arg}"


@pytest.mark.parametrize(
    "domain", sorted(path.name for path in (ROOT / "domains").iterdir() if path.is_dir())
)
def test_no_error_of_a_domain_takes_a_text_of_the_caller(domain: str) -> None:
    (file,) = (ROOT / "domains" / domain).glob("src/*/domain/errors.py")
    assert list(echoes(file.read_text())) == []


def test_an_error_that_takes_a_text_is_found() -> None:
    source = "class Taken(Exception):\n    def __init__(self, name: str, limit: int) -> None: ...\n"
    assert list(echoes(source)) == ["Taken.name"]
