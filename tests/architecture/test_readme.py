"""The documents' commands and links: `make walk` runs every command of a document."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.walk import REPLACEMENTS, guides, sections

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEMPLATES = [
    ROOT / "templates/workspace/README.md.jinja",
    *ROOT.glob("templates/domain/domains/*/README.md.jinja"),
]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("domains/*/README.md"),
]
LINKS = [
    (document, link)
    for document in DOCUMENTS
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
]


def commands(*documents: Path) -> list[str]:
    """Return the commands of the documents, in order."""
    return [
        command
        for document in documents
        for section in sections(document.read_text(encoding="utf-8"))
        for block in section
        for command in block
    ]


WALKED = commands(*guides(ROOT))


def test_the_readme_and_every_domain_have_commands() -> None:
    documents = {str(document.relative_to(ROOT)) for document in guides(ROOT)}
    assert {
        "README.md",
        *(f"domains/{name}/README.md" for name in ("promotion", "trade", "user")),
    } <= documents
    assert len(TEMPLATES) == 2
    assert all(commands(template) for template in TEMPLATES)


def test_shell_commands_are_only_in_blocks_that_are_walked() -> None:
    fences = {
        fence
        for document in [*DOCUMENTS, *TEMPLATES]
        for fence in re.findall(r"^```(\w+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert fences == {"console", "mermaid", "proto", "python", "yaml"}


def test_a_command_in_a_sentence_of_the_readme_is_also_in_a_block() -> None:
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    named = set(re.findall(r"`((?:make|aether) [a-z][a-z-]*)", prose))
    assert named
    assert {command for command in named if not any(command in walked for walked in WALKED)} == set()


def test_each_replacement_stands_for_a_documented_command_and_does_the_same_on_less() -> None:
    assert [command for command in REPLACEMENTS if command not in WALKED] == []
    assert [
        command
        for command, shorter in REPLACEMENTS.items()
        if not shorter.startswith(command) or shorter == command
    ] == []
    tests = {test for shorter in REPLACEMENTS.values() for test in re.findall(r"\S+/test_\w+\.py", shorter)}
    tests = {test.removeprefix("TESTS=") for test in tests}
    assert tests
    assert {test for test in tests if not (ROOT / test).is_file()} == set()


@pytest.mark.parametrize("command", sorted({line for line in WALKED if re.fullmatch(r"make [a-z-]+", line)}))
def test_every_documented_make_target_exists(command: str) -> None:
    subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


def test_every_link_points_to_a_file() -> None:
    assert LINKS
    assert [(str(document), link) for document, link in LINKS if not (document.parent / link).exists()] == []
