"""Runs buf, which compares proto files, and reads what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from aether_tools.compiler.openapi.document import Findings
from aether_tools.compiler.openapi.reader import read
from aether_tools.console import UsageError
from aether_tools.finding import ContractError, Finding, Location

_TIMEOUT_SECONDS: Final = 60
_FOUND: Final = 100
"""Exit code of buf if it found something. Source: https://buf.build/docs/reference/cli/buf/breaking/"""
_OWN_KEYS: Final = ("version", "modules", "deps", "build", "breaking")
"""Keys of a buf.yaml that a comparison needs. Without `plugins` and `policies`: they run programs."""
DEFAULT_RULES: Final = ("FILE", "PACKAGE")


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder with proto files. `shown` is how findings call it; empty for the workspace's root."""

    folder: Path
    shown: str

    def location(self, path: str, line: int, column: int) -> Location:
        """Return a location in one of its files; `path` may be relative to a module inside the tree."""
        if path and not (self.folder / path).is_file():
            within = sorted(
                each for each in self.folder.rglob(Path(path).name) if each.as_posix().endswith(f"/{path}")
            )
            path = within[0].relative_to(self.folder).as_posix() if within else path
        prefix = self.shown if not self.shown or self.shown.endswith((":", "/")) else f"{self.shown}/"
        return Location(f"{prefix}{path}", line, column)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What buf says about a place. `path` is relative to the new tree; empty if a file or a package is gone."""

    rule: str
    message: str
    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """What buf is told about a tree. `chosen` says whether the tree's own buf.yaml chooses the rules."""

    content: Mapping[str, Any]
    chosen: bool


def configuration(tree: Tree, ignore: Sequence[str] = ()) -> Configuration:
    """Return the configuration of a tree: its own buf.yaml's if it has one, with all rules if that names none.

    Raises `ContractError` if buf.yaml cannot be read.
    """
    file = tree.folder / "buf.yaml"
    content: dict[str, Any] = {"version": "v2"}
    if file.is_file():
        plain = read(file, tree.folder, Findings()).root.plain()
        if isinstance(plain, dict):
            content = {key: plain[key] for key in _OWN_KEYS if key in plain}
    breaking = dict(content.get("breaking") or {})
    chosen = bool(breaking.get("use"))
    breaking["use"] = breaking.get("use") or list(DEFAULT_RULES)
    if ignore:
        breaking["ignore"] = [*breaking.get("ignore", ()), *ignore]
    return Configuration(content | {"breaking": breaking}, chosen)


def compare(old: Tree, new: Tree, before: Configuration, now: Configuration) -> tuple[Annotation, ...]:
    """Return what `buf breaking` finds. Raises `ContractError` if one of the trees does not compile."""
    done = _run(
        "breaking", str(new.folder), "--against", str(old.folder), "--error-format", "json",
        "--config", json.dumps(now.content), "--against-config", json.dumps(before.content),
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    _refuse_uncompiled(found, old, new)
    if done.returncode not in (0, _FOUND):
        # buf prints the errors of the old tree without a format.
        raise UsageError(f"buf cannot compare these proto files: {_sentence(done.stderr)}")
    return tuple(
        Annotation(
            each["type"],
            each["message"],
            _relative(each["path"], new) if each.get("path") else "",
            each.get("start_line", 1),
            each.get("start_column", 1),
        )
        for each in found
    )


def descriptors(tree: Tree, settings: Configuration) -> FileDescriptorSet:
    """Return the compiled files of a tree, with the places of their elements."""
    done = _run(
        "build", str(tree.folder), "--config", json.dumps(settings.content), "--error-format", "json",
        "--as-file-descriptor-set", "--output", "-#format=binpb",
    )  # fmt: skip
    if done.returncode:
        raise UsageError(f"buf cannot compile {tree.shown or tree.folder}: {_sentence(done.stderr)}")
    return FileDescriptorSet.FromString(done.stdout)


def _relative(path: str, tree: Tree) -> str:
    folder = tree.folder.as_posix()
    return path.removeprefix(folder).lstrip("/") if path.startswith(folder) else path


def _refuse_uncompiled(found: Sequence[Mapping[str, Any]], old: Tree, new: Tree) -> None:
    errors = [each for each in found if each["type"] == "COMPILE"]
    if not errors:
        return
    findings = []
    for each in errors:
        path = each.get("path", "")
        tree = old if path.startswith(old.folder.as_posix()) else new
        location = tree.location(
            _relative(path, tree), each.get("start_line", 1), each.get("start_column", 1)
        )
        reason = f"The file does not compile: {each['message']}."
        findings.append(
            Finding(location, "proto-syntax", reason, "Correct it; both trees must compile to be compared.")
        )
    raise ContractError(*findings)


def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - the locked wheel's program; arguments are paths and our own JSON
            [_program(), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"buf did not finish within {_TIMEOUT_SECONDS} seconds: compare fewer files, or remove deps of buf.yaml."
        ) from error


def _program() -> str:
    beside = Path(sys.executable).with_name("buf.exe" if sys.platform == "win32" else "buf")
    found = str(beside) if beside.exists() else shutil.which("buf")
    if found is None:
        raise UsageError(
            "buf is not installed, which compares proto files: install it with `pip install buf-bin`."
        )
    return found


def _sentence(output: bytes) -> str:
    text = output.decode(errors="replace")
    shown = " ".join(text.removeprefix("Failure: ").split())[:500]
    return shown if shown.endswith(".") else f"{shown}."
