"""Runs protoc from the grpcio-tools wheel and turns its error messages into findings."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aether_adapters.contract import options_pb2
from google.protobuf import descriptor_pb2

from aether_tools.compiler.contract_files import ProtoFiles, unfit_import
from aether_tools.finding import Finding, Location

_MESSAGE: Final = re.compile(
    r"(?P<file>.+?):(?P<line>\d+):(?P<column>\d+): (?P<warning>warning: )?(?P<text>.+)"
)
_IMPORT: Final = re.compile(r'Import "(?P<file>.+)" was not found or had errors\.')
_NOT_UTF_8: Final = re.compile(r"String field '(?P<option>[^']+)' contains invalid UTF-8")
_LONGEST_REASON: Final = 500
_OPTIONS: Final = options_pb2.DESCRIPTOR.name
"""Importing the module registers the extension, which reading the options needs."""

_FIXES: Final = (
    ("is not defined", "Correct the name, or import the file that defines it."),
    ("is already defined", "Rename one of the two."),
    ("was not found", "Correct the path; it is relative to proto/, as in acme/common/v1/common.proto."),
    ("Missing field number", "Number the field: string title = 2;"),
    ("has already been used", "Give the field a number that no other field of the message has or had."),
    ("control characters", "Remove the control character."),
)


_COMPILE_EACH: Final = """
import sys
from grpc_tools import protoc
cut = sys.argv.index("--")
for file in sys.argv[cut + 1 :]:
    code = protoc.main(["protoc", *sys.argv[1:cut], file])
    print(f"\\n{code}", end="\\0", file=sys.stderr, flush=True)
"""
"""Compiles each file alone, all in one interpreter: starting one takes longer than compiling a file."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Output of protoc for a workspace.

    `files` holds each file's descriptor with source info, imports first. `python` holds the generated modules and
    stubs by path below proto/gen.
    """

    files: tuple[descriptor_pb2.FileDescriptorProto, ...]
    python: dict[str, bytes]


def compile_files(root: Path, files: ProtoFiles, findings: list[Finding]) -> Compiled:
    """Compile the proto files of a workspace.

    Append protoc's errors to `findings`. Compile the files without errors anyway, so that one run reports the
    findings of every file.
    """
    with tempfile.TemporaryDirectory(prefix="aether-protoc-") as folder:
        return _compile(_Protoc(root, _shadow(Path(folder, "shadow"), files.unreadable)), files.own, findings)


def _shadow(folder: Path, unreadable: Sequence[str]) -> Path:
    """Return a folder with an empty file for each that protoc must not open when another imports it."""
    for file in unreadable:
        empty = folder / file
        empty.parent.mkdir(parents=True, exist_ok=True)
        empty.write_text('syntax = "proto3";\n', encoding="utf-8")
    folder.mkdir(exist_ok=True)
    return folder


def _compile(protoc: _Protoc, files: Sequence[str], findings: list[Finding]) -> Compiled:
    if not files:
        return Compiled((), {})
    with tempfile.TemporaryDirectory(prefix="aether-protoc-") as folder:
        out = Path(folder)
        descriptors = out / "descriptors.bin"
        python = out / "python"
        python.mkdir()
        done = protoc.run(
            f"--descriptor_set_out={descriptors}",
            "--include_source_info",
            "--include_imports",
            f"--python_out={python}",
            f"--pyi_out={python}",
            *files,
        )
        if done.returncode:
            valid = _valid_files(protoc, files, findings)
            if len(valid) < len(files):
                return _compile(protoc, valid, findings)
            findings += dict.fromkeys(_protoc_errors(files[0], done.stderr))  # files that only clash together
            return Compiled((), {})
        return Compiled(
            files=tuple(descriptor_pb2.FileDescriptorSet.FromString(descriptors.read_bytes()).file),
            python={
                path.relative_to(python).as_posix(): _content(path)
                for path in sorted(python.rglob("*"))
                if path.is_file()
            },
        )


def _content(path: Path) -> bytes:
    """Return a generated file. mypy ignores stubs: protoc's are not strict, and a field `bytes` shadows the type."""
    content = path.read_bytes()
    return b"# mypy: ignore-errors\n" + content if path.suffix == ".pyi" else content


def _valid_files(protoc: _Protoc, files: Sequence[str], findings: list[Finding]) -> list[str]:
    """Return the files without errors. Compile each file alone, because protoc stops at the first broken one."""
    errors: list[Finding] = []
    valid = []
    for file, (code, text) in zip(files, protoc.run_each(files), strict=True):
        if code:
            errors += _protoc_errors(file, text)
        else:
            valid.append(file)
    broken = {finding.location.file for finding in errors}
    for finding in dict.fromkeys(errors):
        imported = _IMPORT.fullmatch(finding.reason)
        if imported is None or f"proto/{imported['file']}" not in broken:
            findings.append(finding)
    return valid


def _protoc_errors(file: str, text: str) -> list[Finding]:
    matches = [_MESSAGE.fullmatch(line) for line in text.splitlines()]
    findings = [_finding(match) for match in matches if match is not None and not match["warning"]]
    if findings:
        return findings
    location = Location(f"proto/{file}", 1, 1)
    unreadable = _NOT_UTF_8.search(text)
    if unreadable is not None:
        reason, fix = f"An option {unreadable['option']} is not UTF-8.", "Write its text without \\x escapes."
        return [Finding(location, "proto-encoding", reason, fix)]
    reason = " ".join(text.split())[:_LONGEST_REASON] or "protoc failed."
    return [Finding(location, "proto-syntax", reason, "Correct the error that protoc reports.")]


def _finding(match: re.Match[str]) -> Finding:
    text = match["text"]
    imported = _IMPORT.fullmatch(text)
    fix = (unfit_import(imported["file"]) if imported else None) or next(
        (fix for phrase, fix in _FIXES if phrase in text), "Correct the error that protoc reports here."
    )
    return Finding(
        Location(match["file"], int(match["line"]), int(match["column"])), "proto-syntax", text, fix
    )


@dataclass(frozen=True, slots=True)
class _Protoc:
    """protoc in a workspace; the files in `shadow` take the place of those of the same path below proto/."""

    root: Path
    shadow: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run protoc in a separate process, because it writes errors to the file descriptor of stderr."""
        return self._python("-m", "grpc_tools.protoc", *self._include_options(), *arguments)

    def run_each(self, files: Sequence[str]) -> list[tuple[int, str]]:
        """Return the exit code and stderr of protoc for each file compiled alone, in one interpreter.

        A file that makes protoc abort takes the interpreter with it; the others are compiled in the next one.
        """
        output = f"--descriptor_set_out={os.devnull}"
        found: list[tuple[int, str]] = []
        while len(found) < len(files):
            rest = files[len(found) :]
            done = self._python("-c", _COMPILE_EACH, *self._include_options(), output, "--", *rest)
            *results, aborted = done.stderr.split("\0")
            parts = (result.rpartition("\n") for result in results)
            found += [(int(code), text) for text, _, code in parts]
            if len(results) < len(rest):
                found.append((done.returncode, aborted))
        return found

    def _python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own interpreter, arguments that name files of the workspace
            [sys.executable, *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def _include_options(self) -> list[str]:
        # The options come first and from the kits, whatever the copy below proto/ says. A virtual path before the =
        # maps one file. Source: google/protobuf/compiler/command_line_interface.cc, ParseProtoPath
        return [
            f"--proto_path={_OPTIONS}={_options_file()}",
            f"--proto_path={self.shadow}",
            "--proto_path=proto",
            f"--proto_path={_well_known()}",
        ]


def options() -> dict[str, bytes]:
    """Return the kits' options file by its path below proto/. Other compilers need this copy to read the contracts."""
    head = "// Generated by aether from its kits. Do not edit; `aether generate` writes it.\n"
    return {_OPTIONS: (head + _options_file().read_text(encoding="utf-8")).encode()}


def _options_file() -> Path:
    return Path(options_pb2.__file__).with_name("options.proto")


def _well_known() -> Path:
    """Return the folder of Google's well-known types."""
    tools = importlib.util.find_spec("grpc_tools")
    if tools is None or tools.origin is None:
        raise ModuleNotFoundError("grpcio-tools is not installed; aether-tools depends on it.")
    return Path(tools.origin).parent / "_proto"
