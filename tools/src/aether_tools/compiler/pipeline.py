"""Compiler pipeline of `aether generate`: compiles all contracts and writes all generated files, or none.

Import nothing heavy until the fingerprint shows a change, because the command runs on every save.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aether_tools.compiler.output import replace
from aether_tools.compiler.output.fingerprint import Fingerprint, generated
from aether_tools.console import UsageError
from aether_tools.finding import ContractError, Finding, Location

if TYPE_CHECKING:
    from aether_tools.compiler.compilation import Compiled

_LONGEST_QUOTE: Final = 120
"""Characters of a generated line that a finding repeats; a descriptor of protobuf has thousands."""


@dataclass(frozen=True, slots=True)
class Report:
    """Result of one run.

    If there are `findings`, nothing was written. `written` and `removed` hold the paths that changed, relative to
    the workspace; with `check` they are empty and each such file is a finding. `overwritten` holds a finding for
    each generated file that was edited by hand and has been overwritten.
    """

    findings: tuple[Finding, ...] = ()
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    overwritten: tuple[Finding, ...] = ()
    domains: int = 0
    fresh: bool = False
    """Whether nothing has changed since the last run, so that nothing was compiled."""
    compiled: Compiled | None = None
    """What was compiled; None if nothing was, or not everything could be."""


def generate(root: Path, *, check: bool = False) -> Report:
    """Compile all contracts of the workspace at `root`. With `check`, report what would change and write nothing.

    Lock the workspace, so that no run reads contracts or generated code while another writes them.
    Raises `UsageError` if the workspace cannot be read or written; generated code is then unchanged.
    """
    with _locked(root, check=check):
        return _generate(root, check=check)


def _generate(root: Path, *, check: bool) -> Report:
    current, last = Fingerprint.current(root), Fingerprint.load(root)
    if current == last:
        return Report(fresh=True)
    from aether_tools.compiler.compilation import compile_workspace

    try:
        compiled = compile_workspace(root)
    except ContractError as error:
        return Report(findings=error.findings)
    if check:
        differences = tuple(_differences(root, compiled.files))
        return Report(findings=differences, domains=compiled.domains, compiled=compiled)
    edited = _edited(root, current, last, compiled.files)
    written, removed = _write(root, current, compiled.files)
    return Report(written=written, removed=removed, overwritten=edited, domains=compiled.domains)


@contextmanager
def _locked(root: Path, *, check: bool) -> Iterator[None]:
    with ExitStack() as lock:
        if check:
            lock.enter_context(replace.shared(root))
        else:
            with _write_errors(root):  # taking the lock also finishes a replacement that was interrupted
                lock.enter_context(replace.exclusive(root))
        yield


def _write(
    root: Path, current: Fingerprint, files: dict[str, bytes]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    with _write_errors(root):
        written = tuple(path for path, content in sorted(files.items()) if _content(root / path) != content)
        removed = tuple(path for path in generated(root) if path not in files)
        if written or removed:
            replace.replace(root, files)
        current.with_outputs(root).save(root)
    return written, removed


@contextmanager
def _write_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename or root}: {error.strerror}. Generated code is unchanged."
        ) from error


def _differences(root: Path, files: dict[str, bytes]) -> list[Finding]:
    """Return a finding for each generated file that differs from its contract, at the first line that differs."""
    run = "Run `aether generate` and commit what it writes."
    found = []
    for path, content in sorted(files.items()):
        have = _text(root / path)
        if have is None:
            found.append(
                Finding(Location(path), "generated-missing", "This file has not been generated.", run)
            )
        elif have != content:
            found.append(Finding(*_first_difference(path, have, content), run))
    for path in generated(root):
        if path not in files:
            reason = "No contract generates this file anymore."
            found.append(Finding(Location(path), "generated-stale", reason, run))
    return sorted(found)


def _edited(
    root: Path, current: Fingerprint, last: Fingerprint | None, files: dict[str, bytes]
) -> tuple[Finding, ...]:
    """Return a finding for each generated file that was edited by hand and is about to be overwritten."""
    if last is None:
        return ()
    suspects = {
        path: have
        for path, digest in current.outputs.items()
        if last.outputs.get(path, digest) != digest and path in files
        for have in [_text(root / path) or b""]
        if have != files[path]
    }
    found = []
    for path in sorted(suspects.keys() - _committed(root, suspects)):
        location, _, reason = _first_difference(path, suspects[path], files[path])
        fix = "Edit the contract instead; edits of generated files are lost."
        found.append(Finding(location, "generated-edited", reason, fix))
    return tuple(found)


def _committed(root: Path, paths: Iterable[str]) -> set[str]:
    """Return the files that are as git's current commit has them: a checkout wrote them, and nobody loses anything."""
    wanted = sorted(paths)
    if not wanted:
        return set()
    from subprocess import SubprocessError  # only here, because the command runs on every save

    from aether_tools import git

    def listed(*arguments: str) -> set[str]:
        output = git.run(root, *arguments, "HEAD", "--", *wanted)
        return {os.fsdecode(path) for path in output.split(b"\0") if path}

    try:
        tracked = listed("ls-tree", "-r", "-z", "--name-only")
        return tracked - listed("diff", "--name-only", "--relative", "-z")
    except (OSError, SubprocessError, git.GitError):
        return set()  # no git, no repository, or no commit


def _first_difference(path: str, have: bytes, want: bytes) -> tuple[Location, str, str]:
    """Return location, code and reason of the first line that differs."""
    actual, expected = have.decode(errors="replace").split("\n"), want.decode(errors="replace").split("\n")
    line = next(
        (number for number, pair in enumerate(zip(actual, expected, strict=False)) if pair[0] != pair[1]),
        min(len(expected), len(actual)),
    )
    actual_line = actual[line] if line < len(actual) else None
    expected_line = expected[line] if line < len(expected) else None
    if actual_line is not None and expected_line is not None and actual_line.strip() != expected_line.strip():
        # The difference is not in the indentation alone, so do not show it.
        actual_line, expected_line = actual_line.strip(), expected_line.strip()
    actual_text = "missing" if actual_line is None else repr(actual_line)
    expected_text = "no line" if expected_line is None else repr(expected_line)
    reason = f"This line is {actual_text}, but the contract generates {expected_text}."
    if max(len(actual_text), len(expected_text)) > _LONGEST_QUOTE:
        reason = "This line is not what the contract generates."
    return Location(path, line + 1, 1), "generated-differs", reason


def _text(file: Path) -> bytes | None:
    """Return a file's content with LF for CRLF, because git may convert line endings in a checkout. None if missing."""
    content = _content(file)
    return None if content is None else content.replace(b"\r\n", b"\n")


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:  # missing, or something else in its place, which is replaced
        return None
