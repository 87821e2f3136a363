"""Which files of a workspace are contracts, and what their places and names must be."""

from __future__ import annotations

import keyword
from pathlib import Path

from aether_tools.compiler.model.naming import DOMAIN, RESERVED_DOMAINS
from aether_tools.finding import Finding, Location


def contract_files(root: Path, workspace: str, found: list[Finding]) -> list[str]:
    """The proto files of a workspace, relative to `<root>/proto`, sorted; misplaced ones are added to `found`."""
    proto = root / "proto"
    files = sorted(path.relative_to(proto).as_posix() for path in proto.rglob("*.proto"))
    return [
        file for file in files if not file.startswith(("gen/", ".")) and _well_placed(file, workspace, found)
    ]


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
