"""Reads a YAML file as a tree of nodes with their locations.

PyYAML's parser reads it, as it does for the REST edge at run time, so that compiler and service read the same values:
both take an unquoted `no` for false.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from aether_tools.compiler.contract_text import MAX_OPENAPI_BYTES, location_of, read_contract
from aether_tools.compiler.openapi.document import Findings, Node
from aether_tools.compiler.openapi.json_text import as_yaml, is_json
from aether_tools.compiler.openapi.tree import TreeBuilder
from aether_tools.finding import Location


@dataclass(frozen=True, slots=True)
class Source:
    """The tree of a file and its text, as YAML with LF line endings."""

    root: Node
    text: str


def read(path: Path, root: Path, findings: Findings, tree: type[TreeBuilder] = TreeBuilder) -> Source:
    """Read a YAML or JSON file. Raises `ContractError` unless it is one mapping, with unique keys, within the limits.

    `tree` builds the nodes; one that takes more than the compiler reads documents of other projects.
    """
    file = location_of(path, root)
    text = read_contract(path, root, MAX_OPENAPI_BYTES)
    text = as_yaml(text) if is_json(text) else text
    builder = tree(file, findings)
    try:
        builder.build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        location = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file, 1, 1)
        reason = " ".join(part for part in (error.context, error.problem) if part)
        findings.stop(location, "yaml", f"This is not valid YAML: {reason}.", _fix(reason))
    except yaml.reader.ReaderError as error:
        findings.stop(
            _unprintable(file, text), "yaml", f"YAML does not allow U+{error.character:04X}.", _ESCAPE
        )
    if builder.root is None or builder.root.mapping is None:
        findings.stop(
            Location(file, 1, 1), "yaml", "The file is not a mapping.", "Begin it with openapi: 3.0.3."
        )
    findings.refuse()
    return Source(builder.root, text)


_ESCAPE: Final = 'Remove the character, or write it as an escape in double quotes, such as "\\x9F".'


def _fix(reason: str) -> str:
    if "Unicode character escape" in reason:
        return "Write the character itself, or one escape \\UXXXXXXXX instead of a surrogate pair."
    return "Correct the indentation or the quotes here."


def _unprintable(file: str, text: str) -> Location:
    """Return the location of the first character that YAML does not allow."""
    try:
        yaml.reader.Reader(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        return Location(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
    return Location(file, 1, 1)
