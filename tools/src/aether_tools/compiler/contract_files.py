"""Finds the contracts of a workspace and checks their paths and names."""

from __future__ import annotations

import keyword
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aether_tools.compiler.contract_text import MAX_PROTO_BYTES, read_contract
from aether_tools.compiler.model.naming import DOMAIN, RESERVED_DOMAINS
from aether_tools.finding import ContractError, Finding, Location
from aether_tools.workspace import is_package_name

GENERATED: Final = ("proto/gen", "proto/aether_adapters", "openapi/gen")
"""The folders that belong to the compiler, relative to the workspace.

proto/aether_adapters holds a copy of the kits' options, so that proto/ alone compiles in any language.
"""


def contract_paths(root: Path, folder: str) -> Iterator[Path]:
    """Yield every file below `<root>/<folder>` that a person wrote, sorted by folder.

    All code that looks for contracts calls this. It never enters generated or hidden folders, which `generate`
    creates, renames and removes while it runs.
    """
    return visible_files(root / folder, skip={root / path for path in GENERATED})


def visible_files(folder: Path, skip: Collection[Path] = ()) -> Iterator[Path]:
    """Yield the files below `folder`, sorted by folder, except hidden ones, Python's caches and folders in `skip`."""
    for current, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name != "__pycache__" and Path(current, name) not in skip
        )
        yield from (Path(current, name) for name in sorted(files) if not name.startswith("."))


_PROTO_PARTS: Final = 4
"""Parts of a proto file's path below proto/: <workspace>/<domain>/<version>/<file>."""
_REST_ANNOTATIONS: Final = "google/api/"
NO_ANNOTATIONS: Final = (
    "Remove the import and the google.api options: the REST API is declared in openapi/<domain>.yaml."
)


def unfit_import(name: str) -> str | None:
    """Return what to do about an import that no contract may have because REST is declared elsewhere. None for others."""
    return NO_ANNOTATIONS if name.startswith(_REST_ANNOTATIONS) else None


def renamed_workspace(root: Path, workspace: str) -> Finding | None:
    """Return a finding if every contract is in the folder of one other workspace: only the name was changed."""
    paths = [path.relative_to(root / "proto").parts for path in contract_paths(root, "proto")]
    names = {parts[0] for parts in paths if len(parts) == _PROTO_PARTS and parts[3].endswith(".proto")}
    if len(names) != 1 or workspace in names or not is_package_name(*names):
        return None
    known = names.pop()
    settings = (root / "pyproject.toml").read_text(encoding="utf-8").split("\n")
    table = settings.index("[tool.aether]") if "[tool.aether]" in settings else 0
    lines = range(table, len(settings))
    line = next((each for each in lines if settings[each].lstrip().startswith("name")), table)
    return Finding(
        Location("pyproject.toml", line + 1, 1),
        "contract-workspace",
        f"The workspace is called {workspace!r}, but all its contracts are in proto/{known}/.",
        f'Write name = "{known}". To rename the workspace, rename that folder, the packages in it and the domains\' too.',
    )


@dataclass(frozen=True, slots=True)
class ProtoFiles:
    """The proto files of a workspace, relative to `<root>/proto` and sorted.

    `own` are the contracts. `unreadable` are the files, contracts or not, that no compiler should open.
    """

    own: tuple[str, ...]
    unreadable: tuple[str, ...]


def proto_files(root: Path, workspace: str, findings: list[Finding]) -> ProtoFiles:
    """Return the proto files of a workspace. Append a finding for each with an invalid path, name or content."""
    proto = root / "proto"
    paths = [path for path in contract_paths(root, "proto") if path.suffix == ".proto"]
    files = sorted(path.relative_to(proto).as_posix() for path in paths)
    own = tuple(file for file in files if _has_valid_path(file, workspace, findings))
    unreadable = []
    for file in files:
        try:
            read_contract(proto / file, root, MAX_PROTO_BYTES)
        except ContractError as error:
            findings += error.findings
            unreadable.append(file)
    return ProtoFiles(tuple(file for file in own if file not in unreadable), tuple(unreadable))


def _has_valid_path(file: str, workspace: str, findings: list[Finding]) -> bool:
    parts = file.split("/")
    location = Location(f"proto/{file}")
    if file.startswith(_REST_ANNOTATIONS):
        findings.append(
            Finding(
                location,
                "proto-path",
                "A workspace has no copy of Google's HTTP annotations.",
                NO_ANNOTATIONS,
            )
        )
        return False
    if len(parts) != _PROTO_PARTS or parts[0] != workspace or parts[2] != "v1":
        findings.append(
            Finding(
                location,
                "proto-path",
                f"A proto file of this workspace must be in proto/{workspace}/<domain>/v1/.",
                "Move the file there and change its package to match.",
            )
        )
        return False
    domain, stem = parts[1], parts[3].removesuffix(".proto")
    for word, what in ((domain, "domain"), (stem, "file")):
        if not DOMAIN.fullmatch(word) or keyword.iskeyword(word):
            findings.append(
                Finding(
                    location,
                    "proto-path",
                    f"{word!r} is not a valid name of a {what}, because it becomes part of a Python module's name.",
                    f"Rename the {what}: use lower-case letters, digits and underscores, starting with a letter.",
                )
            )
            return False
    if domain in RESERVED_DOMAINS - {"common"}:
        findings.append(
            Finding(
                location,
                "proto-path",
                f"{domain!r} cannot be a domain: the workspace has its own distribution {workspace}-{domain}.",
                "Rename the domain.",
            )
        )
        return False
    return True
