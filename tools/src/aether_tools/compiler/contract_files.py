"""Which files of a workspace are contracts, and what their places and names must be."""

from __future__ import annotations

import keyword
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from aether_tools.compiler.model.naming import DOMAIN, RESERVED_DOMAINS
from aether_tools.finding import Finding, Location

GENERATED: Final = ("proto/gen", "proto/aether_adapters", "openapi/gen")
"""The folders that belong to the compiler, relative to the workspace.

proto/aether_adapters holds a copy of the kits' options, so that proto/ alone compiles in any language.
"""


def contract_paths(root: Path, folder: str) -> Iterator[Path]:
    """Every file below `<root>/<folder>` that a person wrote, sorted by folder.

    This is the only walk over contracts. It never enters generated or hidden folders: while `generate` runs they
    are staged, renamed and removed.
    """
    return visible_files(root / folder, skip={root / path for path in GENERATED})


def visible_files(folder: Path, skip: Collection[Path] = ()) -> Iterator[Path]:
    """The files below `folder`, sorted by folder, without hidden ones, Python's caches and the folders in `skip`."""
    for current, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name != "__pycache__" and Path(current, name) not in skip
        )
        yield from (Path(current, name) for name in sorted(files) if not name.startswith("."))


def contract_files(root: Path, workspace: str, found: list[Finding]) -> list[str]:
    """The proto files of a workspace, relative to `<root>/proto`, sorted; misplaced ones are added to `found`."""
    proto = root / "proto"
    files = sorted(
        path.relative_to(proto).as_posix()
        for path in contract_paths(root, "proto")
        if path.suffix == ".proto"
    )
    return [file for file in files if _well_placed(file, workspace, found)]


def _well_placed(file: str, workspace: str, found: list[Finding]) -> bool:
    parts = file.split("/")
    location = Location(f"proto/{file}")
    if len(parts) != 4 or parts[0] != workspace or parts[2] != "v1":
        found.append(
            Finding(
                location,
                "proto-path",
                f"A contract of this workspace stands in proto/{workspace}/<domain>/v1/.",
                "Move the file there, and let its package say the same.",
            )
        )
        return False
    domain, stem = parts[1], parts[3].removesuffix(".proto")
    for word, what in ((domain, "domain"), (stem, "file")):
        if not DOMAIN.fullmatch(word) or keyword.iskeyword(word):
            found.append(
                Finding(
                    location,
                    "proto-path",
                    f"{word!r} cannot be the name of a {what}: it becomes part of a Python module's name.",
                    f"Rename the {what}: lower-case letters, digits and underscores, starting with a letter.",
                )
            )
            return False
    if domain in RESERVED_DOMAINS - {"common"}:
        found.append(
            Finding(
                location,
                "proto-path",
                f"{domain!r} cannot be a domain: {workspace}-{domain} is a distribution of the workspace's own.",
                "Give the domain another name.",
            )
        )
        return False
    return True
