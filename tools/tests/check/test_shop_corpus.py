"""Mutations of the reference system, made from its syntax trees: each gives exactly its finding, at its line.

`AETHER_CORPUS_STEP=1` tries all; by default every eighth.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from aether_tools.check.workspace_check import check_files
from aether_tools.workspace import Workspace

pytestmark = pytest.mark.prove

REPOSITORY: Final = Path(__file__).parents[3]
DOMAINS: Final = ("promotion", "trade", "user")
STEP: Final = int(os.environ.get("AETHER_CORPUS_STEP", "8"))


@dataclass(frozen=True, slots=True)
class Mutation:
    """One file's text before and after, and the finding that it must give; no code if it is harmless."""

    file: str
    text: str
    code: str
    line: int

    @property
    def name(self) -> str:
        return f"{self.code or 'harmless'}-{Path(self.file).stem}-{self.line}"


def lines(text: str, first: int, last: int, *new: str) -> str:
    """Return the text with the lines from `first` to `last`, counted from 1, replaced."""
    kept = text.splitlines(keepends=True)
    kept[first - 1 : last] = [f"{line}\n" for line in new]
    return "".join(kept)


def classes(text: str) -> Iterator[ast.ClassDef]:
    return (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))


def calls(text: str) -> Iterator[tuple[ast.ClassDef, ast.FunctionDef]]:
    """Yield each use case of a module, and its `__call__`."""
    for node in classes(text):
        if any(ast.unparse(base).startswith("port.") for base in node.bases):
            for each in node.body:
                if isinstance(each, ast.FunctionDef) and each.name == "__call__":
                    yield node, each


def thawed(file: str, text: str) -> Iterator[Mutation]:
    """An aggregate or value that is no longer frozen."""
    for node in classes(text):
        for decorator in node.decorator_list:
            old = ast.unparse(decorator)
            if "frozen=True" in old and decorator.end_lineno == decorator.lineno:
                new = "@" + re.sub(r"frozen=True(, )?", "", old)
                changed = lines(text, decorator.lineno, decorator.lineno, new)
                yield Mutation(file, changed, "state-unfrozen", node.lineno)


def clocked(file: str, text: str) -> Iterator[Mutation]:
    """A module of the core that reads a clock."""
    start = next((n.lineno for n in ast.parse(text).body if isinstance(n, ast.Import | ast.ImportFrom)), None)
    if start is not None:
        yield Mutation(
            file, lines(text, start, start - 1, "from time import monotonic"), "effect-import", start
        )


def unbased(file: str, text: str) -> Iterator[Mutation]:
    """A use case that is none any more."""
    for node, _ in calls(text):
        header = text.splitlines()[node.lineno - 1]
        if header.endswith(f"class {node.name}(port.{node.name}):"):
            yield Mutation(
                file,
                lines(text, node.lineno, node.lineno, f"class {node.name}:"),
                "use-case-missing",
                node.lineno,
            )


def emptied(file: str, text: str) -> Iterator[Mutation]:
    """A use case that does nothing."""
    for _, call in calls(text):
        first, last = call.body[0], call.body[-1]
        assert last.end_lineno is not None
        changed = lines(text, first.lineno, last.end_lineno, "        raise NotImplementedError")
        yield Mutation(file, changed, "use-case-unwritten", call.lineno)


def unread(file: str, text: str) -> Iterator[Mutation]:
    """A use case that does not look at one field of its request."""
    for _, call in calls(text):
        whole = "\n".join(text.splitlines()[call.lineno - 1 : call.end_lineno])
        reads = re.findall(r"\brequest(?:\.[a-z_]+)+", whole)
        fields = [read.split(".")[1] for read in reads]
        if len(re.findall(r"\brequest\b(?!\.)", whole)) > 1:
            continue  # it passes the whole request on
        for read, field in zip(reads, fields, strict=True):
            if fields.count(field) == 1:
                start = sum(map(len, text.splitlines(keepends=True)[: call.lineno - 1]))
                at = text.index(read, start)
                yield Mutation(
                    file, text[:at] + "NOTHING" + text[at + len(read) :], "request-unread", call.lineno
                )


def harmless(file: str, text: str) -> Iterator[Mutation]:
    """A comment at the end, and a private constant."""
    yield Mutation(file, f"{text}\n_UNUSED = 1\n# The end.\n", "", 0)


CORE: Final = (thawed, clocked, harmless)
USE_CASES: Final = (clocked, unbased, emptied, unread, harmless)


def mutations() -> list[Mutation]:
    found: list[Mutation] = []
    for domain in DOMAINS:
        source = REPOSITORY / "domains" / domain / "src" / f"aether_{domain}"
        for layer, makers in (("domain", CORE), ("application", USE_CASES)):
            for path in sorted((source / layer).glob("*.py")):
                text = path.read_text(encoding="utf-8")
                for make in makers:
                    found += make(path.relative_to(REPOSITORY).as_posix(), text)
    return found


ALL: Final = mutations()
CHOSEN: Final = ALL[::STEP]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the reference system, without the kits."""
    root = tmp_path_factory.mktemp("shop")
    for folder in ("domains", "proto", "openapi"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    return root


def found(root: Path, mutation: Mutation) -> set[tuple[str, str, int]]:
    """Return code, file and line of each finding of the domain that the mutation is in."""
    workspace = Workspace.find(root)
    findings = check_files(workspace, workspace.chosen((mutation.file.split("/")[1],)))
    return {(each.code, each.location.file, each.location.line) for each in findings}


@pytest.mark.parametrize("mutation", CHOSEN, ids=[each.name for each in CHOSEN])
def test_a_mutation_of_the_shop_gives_exactly_its_finding(shop: Path, mutation: Mutation) -> None:
    file = shop / mutation.file
    before = file.read_text(encoding="utf-8")
    file.write_text(mutation.text, encoding="utf-8")
    try:
        wanted = {(mutation.code, mutation.file, mutation.line)} if mutation.code else set()
        assert found(shop, mutation) == wanted
    finally:
        file.write_text(before, encoding="utf-8")


def test_every_maker_finds_places_in_the_shop() -> None:
    """A maker that matches nothing any more would pass without trying anything."""
    made = {make: sum(1 for each in ALL if each.code == code) for make, code in CODES.items()}
    assert {make.__name__: count for make, count in made.items() if count < 40} == {}


CODES: Final[dict[Callable[[str, str], Iterator[Mutation]], str]] = {
    thawed: "state-unfrozen",
    clocked: "effect-import",
    unbased: "use-case-missing",
    emptied: "use-case-unwritten",
    unread: "request-unread",
    harmless: "",
}
