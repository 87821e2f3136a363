"""Renders a template completely or not at all.

Copier renders into a temporary folder on the destination's file system. Only a complete tree is moved into place, and
a move that fails part way is reversed. So a full disk, a Ctrl-C or a broken template leaves the workspace unchanged.
"""

from __future__ import annotations

import contextlib
import filecmp
import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aether_tools.compiler.output import replace
from aether_tools.console import UsageError
from aether_tools.interrupts import interruptible

BUNDLED: Final = "aether-tools"
"""Name of the bundled templates in an answers file, instead of a path of this machine."""
_LONGEST_LINE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Source:
    """Source of templates: `location` and `ref` for copier, `recorded` and `commit` for the answers file."""

    location: str
    recorded: str
    commit: str | None = None
    ref: str | None = None


@contextlib.contextmanager
def templates(source: str | None, ref: str | None, root: Path) -> Iterator[Source]:
    """Yield the templates to use: those in `source`, or else the bundled ones. Raises `UsageError`.

    Record a local folder relative to `root`, so that the answers file names no path of this machine.
    """
    if source is not None:
        folder = Path(source).expanduser()
        if folder.is_dir():
            location = str(folder.resolve())
            yield Source(location, os.path.relpath(location, root), ref=ref)
        else:
            yield Source(source, source, ref=ref)
        return
    if ref is not None:
        raise UsageError("--ref selects a version of the templates in --from; give both or neither.")
    home = _home()
    recorded = "." if home == root else BUNDLED
    commit = None if home == root else _version()
    with tempfile.TemporaryDirectory(prefix="aether-templates-") as plain:
        # Copier uses the last commit of a git checkout; from a plain copy it uses the files on disk.
        shutil.copy(home / "copier.yml", plain)
        shutil.copytree(home / "templates", Path(plain, "templates"), symlinks=True)
        yield Source(plain, recorded, commit)


def _home() -> Path:
    """Return the folder of the bundled templates: in the wheel, or the repository of an editable install."""
    package = Path(__file__).resolve().parent
    for home in (package / "_templates", package.parents[2]):
        if (home / "copier.yml").is_file() and (home / "templates").is_dir():
            return home
    raise UsageError(
        "this installation has no templates; install aether-tools again, or give templates with --from."
    )


def _version() -> str:
    from importlib.metadata import version

    return version("aether-tools")


def domain_into(root: Path, source: Source, answers: Mapping[str, str], *, ask: bool) -> list[Path]:
    """Render the template into the workspace at `root`. Return the paths that it created.

    Raises `UsageError` if the template cannot be rendered or written; nothing is then created.
    """
    with interruptible(), _write_errors(f"the domain {answers['domain']!r}", root):
        state = root / ".aether"
        state.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="new-", dir=state) as folder:
            rendered = Path(folder, "tree")
            answers_file = f"domains/{answers['domain']}/.copier-answers.domain.yml"
            _render(source, rendered, answers, answers_file, ask=ask)
            with replace.exclusive(root):  # no other command sees only some of the new contracts
                return _move_into(root, rendered)


def workspace_at(
    destination: Path, source: Source, answers: Mapping[str, str], *, ask: bool, wheels: Sequence[Path] = ()
) -> None:
    """Render the template as the new folder `destination`, which may exist if it is empty. Copy `wheels` to wheels/.

    Raises `UsageError` if the template cannot be rendered or written; nothing is then created.
    """
    with interruptible(), _write_errors(f"the workspace {answers['workspace']!r}", destination):
        if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
            raise UsageError(f"{destination} exists and is not an empty folder; choose another path.")
        made = _make_parents(destination.parent)
        try:
            with tempfile.TemporaryDirectory(prefix=".aether-new-", dir=destination.parent) as folder:
                rendered = Path(folder, "tree")
                _render(source, rendered, answers, ".copier-answers.workspace.yml", ask=ask)
                for wheel in wheels:
                    (rendered / "wheels").mkdir(exist_ok=True)
                    shutil.copy(wheel, rendered / "wheels")
                rendered.replace(destination)
        except BaseException:
            _remove_empty(made)
            raise


def _render(
    source: Source, destination: Path, answers: Mapping[str, str], answers_file: str, *, ask: bool
) -> None:
    # Copier also prints errors to stderr; the exception has the same text.
    with contextlib.redirect_stderr(io.StringIO()):
        import copier
        from copier.errors import CopierError, InvalidConfigFileError
        from jinja2 import TemplateError

        try:
            copier.run_copy(
                source.location,
                destination,
                dict(answers),
                # Explicit, because copier renders the template's `_answers_file` again for each path it creates.
                answers_file=answers_file,
                vcs_ref=source.ref,
                defaults=not ask,
                quiet=True,
            )
        except KeyboardInterrupt:  # before CopierError: copier has an error that is a subclass of both
            raise
        except subprocess.CalledProcessError as error:
            raise UsageError(_not_fetched(source, error)) from error
        except InvalidConfigFileError as error:
            raise UsageError(
                f"the template {source.recorded} cannot be rendered: its copier.yml is invalid."
            ) from error
        except (CopierError, TemplateError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UsageError(f"the template {source.recorded} cannot be rendered: {reason}") from error
    if not destination.is_dir() or not any(destination.iterdir()):
        raise UsageError(
            f"the template {source.recorded} renders no files; check that it is an aether template."
        )
    if (destination / answers_file).is_file():
        _record(destination / answers_file, source)


def _not_fetched(source: Source, error: subprocess.CalledProcessError) -> str:
    raw = error.stderr or b""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
    reason = next((line for line in reversed(text.splitlines()) if line.strip()), "git failed")
    at = f" at {source.ref}" if source.ref else ""
    return f"the template {source.recorded}{at} cannot be fetched ({reason.strip()}); check --from and --ref."


def _record(answers_file: Path, source: Source) -> None:
    """Record the template's source in an answers file, without a path of this machine."""
    import yaml

    lines = answers_file.read_text(encoding="utf-8").splitlines(keepends=True)
    origin = [yaml.safe_dump({"_src_path": source.recorded}, width=_LONGEST_LINE)]
    if source.commit is not None:
        origin.insert(0, yaml.safe_dump({"_commit": source.commit}, width=_LONGEST_LINE))
    first = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    replaced = ("_src_path:", "_commit:") if source.commit is not None else ("_src_path:",)
    kept = [line for line in lines[first:] if not line.startswith(replaced)]
    answers_file.write_text("".join([*lines[:first], *origin, *kept]), encoding="utf-8")


def _move_into(root: Path, rendered: Path) -> list[Path]:
    """Move each new file or folder of `rendered` into `root`. Move all back if one cannot be moved.

    Skip a file that already exists with the same content. Raises `UsageError` if one has other content.
    Move `domains/` last, because a domain exists as soon as its pyproject.toml does.
    """
    units = sorted(_new_units(root, rendered, Path()), key=lambda unit: (unit.parts[0] == "domains", unit))
    moved: list[Path] = []
    made: list[Path] = []
    try:
        for unit in units:
            made += _make_parents((root / unit).parent)
            (rendered / unit).rename(root / unit)
            moved.append(unit)
    except BaseException:
        for unit in reversed(moved):
            (root / unit).rename(rendered / unit)
        _remove_empty(made)
        raise
    return [root / unit for unit in units]


def _new_units(root: Path, rendered: Path, folder: Path) -> Iterator[Path]:
    for entry in sorted((rendered / folder).iterdir()):
        unit = folder / entry.name
        existing = root / unit
        if not existing.exists() and not existing.is_symlink():
            yield unit
        elif entry.is_dir() and existing.is_dir():
            yield from _new_units(root, rendered, unit)
        elif not existing.is_file() or not filecmp.cmp(entry, existing, shallow=False):
            raise UsageError(f"{existing} already exists; move it, or choose another name.")


def _make_parents(folder: Path) -> list[Path]:
    """Create `folder` and its parents. Return those that did not exist, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _remove_empty(made: list[Path]) -> None:
    for folder in reversed(made):
        with contextlib.suppress(OSError):  # keep a folder that is no longer empty
            folder.rmdir()


@contextlib.contextmanager
def _write_errors(what: str, where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot write {what} to {where}: {reason}. Nothing was changed.") from error
