"""`aether generate`: every contract in, every generated file out, all or nothing.

Nothing heavy is imported until the stamp says that something has changed: the command runs on every save.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from aether_tools.compiler.output import replace
from aether_tools.compiler.output.fingerprint import Fingerprint, generated
from aether_tools.console import UsageError
from aether_tools.finding import ContractError, Finding, Location


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, or what keeps it from doing it.

    `findings` are to be mended: with any of them nothing was written. `written` and `removed` name the files that
    are now other than before, relative to the workspace; under `check` they stay empty and each such file is a
    finding. `overwritten` tells of generated files that somebody had changed since they were generated.
    """

    findings: tuple[Finding, ...] = ()
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    overwritten: tuple[Finding, ...] = ()
    domains: int = 0
    fresh: bool = False
    """Whether nothing had changed, so that nothing was compiled."""


def generate(root: Path, *, check: bool = False) -> Report:
    """Compile every contract of the workspace at `root`; with `check`, say what would change and write nothing.

    Runs take turns: contracts and generated code are read as another run left them, never while it writes.
    Raises `console.UsageError` where the workspace cannot be read or written; generated code is then untouched.
    """
    with _turn(root, check=check):
        return _generate(root, check=check)


def _generate(root: Path, *, check: bool) -> Report:
    now, last = Fingerprint.now(root), Fingerprint.last(root)
    if now == last:
        return Report(fresh=True)
    from aether_tools.compiler.compilation import compile_workspace

    try:
        compiled = compile_workspace(root)
    except ContractError as refused:
        return Report(findings=refused.findings)
    if check:
        return Report(findings=tuple(_differences(root, compiled.files)), domains=compiled.domains)
    edited = _edited(root, now, last, compiled.files)
    written, removed = _write(root, now, compiled.files)
    return Report(written=written, removed=removed, overwritten=edited, domains=compiled.domains)


@contextmanager
def _turn(root: Path, *, check: bool) -> Iterator[None]:
    with ExitStack() as turn:
        if check:
            turn.enter_context(replace.shared(root))
        else:
            with _writing(root):  # finishes what a killed run began
                turn.enter_context(replace.exclusive(root))
        yield


def _write(root: Path, now: Fingerprint, files: dict[str, bytes]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    with _writing(root):
        written = tuple(path for path, content in sorted(files.items()) if _content(root / path) != content)
        removed = tuple(path for path in generated(root) if path not in files)
        if written or removed:
            replace.replace(root, files)
        now.written(root).write(root)
    return written, removed


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{error.filename or root} cannot be written: {error.strerror}. Generated code is as it was."
        ) from error


def _differences(root: Path, files: dict[str, bytes]) -> list[Finding]:
    """A finding for each generated file that is not what its contract says, at the first line that differs."""
    run = "Run `aether generate` and commit what it writes."
    found = []
    for path, content in sorted(files.items()):
        have = _text(root / path)
        if have is None:
            found.append(
                Finding(Location(path), "generated-missing", "The file has not been generated.", run)
            )
        elif have != content:
            found.append(Finding(*_first_difference(path, have, content), run))
    for path in generated(root):
        if path not in files:
            reason = "No contract generates this file any more."
            found.append(Finding(Location(path), "generated-stale", reason, run))
    return sorted(found)


def _edited(
    root: Path, now: Fingerprint, last: Fingerprint | None, files: dict[str, bytes]
) -> tuple[Finding, ...]:
    """Generated files that changed since they were written and are about to be written anew."""
    if last is None:
        return ()
    found = []
    for path, digest in now.outputs.items():
        if last.outputs.get(path, digest) != digest and path in files:
            have = _text(root / path) or b""
            if have != files[path]:
                location, _, reason = _first_difference(path, have, files[path])
                fix = "Edit the contract instead; what stands in a generated file is lost."
                found.append(Finding(location, "generated-edited", reason, fix))
    return tuple(found)


def _first_difference(path: str, have: bytes, want: bytes) -> tuple[Location, str, str]:
    ours, theirs = want.decode(errors="replace").split("\n"), have.decode(errors="replace").split("\n")
    line = next(
        (
            number
            for number, mapping in enumerate(zip(theirs, ours, strict=False))
            if mapping[0] != mapping[1]
        ),
        min(len(ours), len(theirs)),
    )
    there = theirs[line] if line < len(theirs) else None
    due = ours[line] if line < len(ours) else None
    if there is not None and due is not None and there.strip() != due.strip():
        there, due = there.strip(), due.strip()  # else the blanks are the difference
    found = "nothing" if there is None else repr(there)
    wanted = "nothing" if due is None else repr(due)
    return (
        Location(path, line + 1, 1),
        "generated-differs",
        f"The line is {found}; the contract says {wanted}.",
    )


def _text(file: Path) -> bytes | None:
    """The content with LF for CRLF, which git may write in a checkout and takes back in a commit."""
    content = _content(file)
    return None if content is None else content.replace(b"\r\n", b"\n")


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
