"""Runs protoc, the one of the grpcio-tools wheel, and turns its complaints into findings."""

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

from aether_tools.finding import Finding, Location

_COMPLAINT: Final = re.compile(
    r"(?P<file>.+?):(?P<line>\d+):(?P<column>\d+): (?P<warning>warning: )?(?P<text>.+)"
)
_IMPORT: Final = re.compile(r'Import "(?P<file>.+)" was not found or had errors\.')
_OPTIONS: Final = options_pb2.DESCRIPTOR.name
"""Reading the options needs their extension registered, which importing the module has done."""

_FIXES: Final = (
    ("is not defined", "Mend the name, or import the file that defines it."),
    ("is already defined", "Give one of the two another name."),
    ("was not found", "Mend the path; it starts below proto/, as in acme/common/v1/common.proto."),
    ("Missing field number", "Number the field: string title = 2;"),
    ("has already been used", "Give the field a number that no other field of the message has or had."),
    ("non ascii", "Save the file as UTF-8."),
)


_EACH: Final = """
import sys
from grpc_tools import protoc
cut = sys.argv.index("--")
for file in sys.argv[cut + 1 :]:
    code = protoc.main(["protoc", *sys.argv[1:cut], file])
    print(f"\\n{code}", end="\\0", file=sys.stderr, flush=True)
"""
"""Asks for each file on its own in one interpreter: starting one costs more than compiling a file."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What protoc made of a workspace's files.

    `files` holds each file's descriptor with its source info, imports first; `python` the modules and stubs
    it generated, by their path below proto/gen.
    """

    files: tuple[descriptor_pb2.FileDescriptorProto, ...]
    python: dict[str, bytes]


def compile_files(root: Path, files: Sequence[str], found: list[Finding]) -> Compiled:
    """Compile proto files, given relative to `<root>/proto`.

    Complaints are added to `found`; the files without any are compiled all the same, so that what else is wrong
    with them is found in the same run.
    """
    if not files:
        return Compiled((), {})
    with tempfile.TemporaryDirectory(prefix="aether-protoc-") as folder:
        out = Path(folder)
        descriptors = out / "descriptors.bin"
        python = out / "python"
        python.mkdir()
        done = _protoc(
            root,
            f"--descriptor_set_out={descriptors}",
            "--include_source_info",
            "--include_imports",
            f"--python_out={python}",
            f"--pyi_out={python}",
            *files,
        )
        if done.returncode:
            return compile_files(root, _healthy(root, files, found), found)
        return Compiled(
            files=tuple(descriptor_pb2.FileDescriptorSet.FromString(descriptors.read_bytes()).file),
            python={
                path.relative_to(python).as_posix(): _strict(path)
                for path in sorted(python.rglob("*"))
                if path.is_file()
            },
        )


def _strict(path: Path) -> bytes:
    """What protoc generated; its stubs are not strict, and a field called `bytes` hides the type in them."""
    content = path.read_bytes()
    return b"# mypy: ignore-errors\n" + content if path.suffix == ".pyi" else content


def _healthy(root: Path, files: Sequence[str], found: list[Finding]) -> list[str]:
    """The files protoc has nothing against; it stops at the first error, so each is asked for on its own."""
    complaints: list[Finding] = []
    healthy = []
    for file, (code, text) in zip(files, _protoc_each(root, files), strict=True):
        if code:
            complaints += _protoc_errors(file, text)
        else:
            healthy.append(file)
    broken = {finding.location.file for finding in complaints}
    for finding in dict.fromkeys(complaints):
        imported = _IMPORT.fullmatch(finding.reason)
        if imported is None or f"proto/{imported['file']}" not in broken:
            found.append(finding)
    return healthy


def _protoc_errors(file: str, text: str) -> list[Finding]:
    matches = [_COMPLAINT.fullmatch(line) for line in text.splitlines()]
    findings = [_finding(match) for match in matches if match is not None and not match["warning"]]
    return findings or [
        Finding(
            Location(f"proto/{file}"),
            "proto-syntax",
            text.strip() or "protoc failed.",
            "Mend what protoc names.",
        )
    ]


def _finding(match: re.Match[str]) -> Finding:
    text = match["text"]
    fix = next(
        (fix for words, fix in _FIXES if words in text), "Mend what protoc names; it stands at this place."
    )
    return Finding(
        Location(match["file"], int(match["line"]), int(match["column"])), "proto-syntax", text, fix
    )


def _protoc(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: protoc writes its complaints to the file descriptor of stderr."""
    return _run(root, "-m", "grpc_tools.protoc", *_include_options(), *arguments)


def _protoc_each(root: Path, files: Sequence[str]) -> list[tuple[int, str]]:
    """The exit code and the complaints for each file alone; one interpreter for all of them."""
    done = _run(root, "-c", _EACH, *_include_options(), f"--descriptor_set_out={os.devnull}", "--", *files)
    answers = [answer.rpartition("\n") for answer in done.stderr.split("\0")[:-1]]
    return [(int(code), text) for text, _, code in answers]


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own interpreter, arguments that name files of the workspace
        [sys.executable, *arguments], cwd=root, capture_output=True, text=True, errors="replace", check=False
    )


def options() -> dict[str, bytes]:
    """A copy of the kits' options by its path below proto/: what other compilers need to read the contracts."""
    head = "// Generated by aether from its kits. Do not edit; `aether generate` writes it.\n"
    return {_OPTIONS: (head + _options_file().read_text(encoding="utf-8")).encode()}


def _include_options() -> list[str]:
    # The options come first and from the kits, whatever the copy below proto/ says. A virtual path before the = maps
    # one file. Source: google/protobuf/compiler/command_line_interface.cc, ParseProtoPath
    return [
        f"--proto_path={_OPTIONS}={_options_file()}",
        "--proto_path=proto",
        f"--proto_path={_well_known()}",
    ]


def _options_file() -> Path:
    return Path(options_pb2.__file__).with_name("options.proto")


def _well_known() -> Path:
    """Where Google's well-known types are."""
    tools = importlib.util.find_spec("grpc_tools")
    if tools is None or tools.origin is None:
        raise ModuleNotFoundError("grpcio-tools is not installed; aether-tools depends on it.")
    return Path(tools.origin).parent / "_proto"
