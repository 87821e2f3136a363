"""Renders a template whole or not at all.

Copier renders into a temporary folder on the destination's own file system; only a complete tree is moved into
place, and a move that fails half-way is taken back. So a full disk, a Ctrl-C or a broken template leaves the
workspace as it was.
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
"""What an answers file calls the templates that come with this command, instead of a path of this machine."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where templates come from: `location` and `ref` for copier, `recorded` for answers files."""

    location: str
    recorded: str
    commit: str | None = None
    ref: str | None = None


@contextlib.contextmanager
def templates(source: str | None, ref: str | None, root: Path) -> Iterator[Source]:
    """The templates to use: those of `source`, else those that come with this command.

    A folder of this machine is recorded relative to `root`, so that nobody else's answers file names it.
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
        raise UsageError("--ref chooses a version of the templates named with --from; give both or neither.")
    home = _home()
    recorded = "." if home == root else BUNDLED
    commit = None if home == root else _version()
    with tempfile.TemporaryDirectory(prefix="aether-templates-") as plain:
        # Copier takes a git checkout's last commit; a plain copy makes it take what is on disk.
        shutil.copy(home / "copier.yml", plain)
        shutil.copytree(home / "templates", Path(plain, "templates"), symlinks=True)
        yield Source(plain, recorded, commit)


def _home() -> Path:
    """The folder of the bundled templates: in the wheel, or the repository of an editable install."""
    package = Path(__file__).resolve().parent
    for home in (package / "_templates", package.parents[2]):
        if (home / "copier.yml").is_file() and (home / "templates").is_dir():
            return home
    raise UsageError(
        "this aether came without its templates; install aether-tools again, or name some with --from."
    )


def _version() -> str:
    from importlib.metadata import version

    return version("aether-tools")


def domain_into(root: Path, source: Source, answers: Mapping[str, str], *, ask: bool) -> list[Path]:
    """Render the template into the workspace at `root`; gives what it made, nothing where it fails."""
    with interruptible(), _refusals(f"the domain {answers['domain']!r}", root):
        state = root / ".aether"
        state.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="new-", dir=state) as folder:
            rendered = Path(folder, "tree")
            answers_file = f"domains/{answers['domain']}/.copier-answers.domain.yml"
            _render(source, rendered, answers, answers_file, ask=ask)
            with replace.exclusive(root):  # no run sees half of a domain's contracts
                return _move_into(root, rendered)


def workspace_at(
    destination: Path, source: Source, answers: Mapping[str, str], *, ask: bool, wheels: Sequence[Path] = ()
) -> None:
    """Render the template as the new folder `destination`, which may exist if it is empty; copy `wheels` into wheels/."""
    with interruptible(), _refusals(f"the workspace {answers['workspace']!r}", destination):
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
    # Copier draws its own complaints on stderr; what they say comes with the exception.
    with contextlib.redirect_stderr(io.StringIO()):
        import copier
        from copier.errors import CopierError, InvalidConfigFileError
        from jinja2 import TemplateError

        try:
            copier.run_copy(
                source.location,
                destination,
                dict(answers),
                # Told outright: copier renders the template's own `_answers_file` again for each path it makes.
                answers_file=answers_file,
                vcs_ref=source.ref,
                defaults=not ask,
                quiet=True,
            )
        except KeyboardInterrupt:  # one of copier's errors is both
            raise
        except subprocess.CalledProcessError as error:
            raise UsageError(_not_fetched(source, error)) from error
        except InvalidConfigFileError as error:
            raise UsageError(
                f"the template {source.recorded} cannot be rendered: its copier.yml is not valid."
            ) from error
        except (CopierError, TemplateError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UsageError(f"the template {source.recorded} cannot be rendered: {reason}") from error
    if not destination.is_dir() or not any(destination.iterdir()):
        raise UsageError(f"the template {source.recorded} renders nothing; is it a template of aether?")
    if (destination / answers_file).is_file():
        _record(destination / answers_file, source)


def _not_fetched(source: Source, error: subprocess.CalledProcessError) -> str:
    raw = error.stderr or b""
    words = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
    reason = next((line for line in reversed(words.splitlines()) if line.strip()), "git failed")
    at = f" at {source.ref}" if source.ref else ""
    return f"the template {source.recorded}{at} cannot be fetched ({reason.strip()}); check its address and --ref."


def _record(answers_file: Path, source: Source) -> None:
    """Say in an answers file where the template came from, without a path of this machine."""
    lines = answers_file.read_text(encoding="utf-8").splitlines(keepends=True)
    origin = [f"_src_path: {source.recorded}\n"]
    if source.commit is not None:
        origin.insert(0, f"_commit: {source.commit}\n")
    first = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    replaced = ("_src_path:", "_commit:") if source.commit is not None else ("_src_path:",)
    kept = [line for line in lines[first:] if not line.startswith(replaced)]
    answers_file.write_text("".join([*lines[:first], *origin, *kept]), encoding="utf-8")


def _move_into(root: Path, rendered: Path) -> list[Path]:
    """Move each new file or folder of `rendered` into `root`; takes all back when one cannot be moved.

    A file that stands already with the same content is left alone; one with other content is refused.
    `domains/` moves last: a domain exists from the moment its pyproject.toml does.
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
        standing = root / unit
        if not standing.exists() and not standing.is_symlink():
            yield unit
        elif entry.is_dir() and standing.is_dir():
            yield from _new_units(root, rendered, unit)
        elif not standing.is_file() or not filecmp.cmp(entry, standing, shallow=False):
            raise UsageError(f"{standing} stands in the way; move it, or choose another name.")


def _make_parents(folder: Path) -> list[Path]:
    """Make `folder`; gives what did not exist before, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _remove_empty(made: list[Path]) -> None:
    for folder in reversed(made):
        with contextlib.suppress(OSError):  # somebody put something there meanwhile: it is theirs
            folder.rmdir()


@contextlib.contextmanager
def _refusals(what: str, where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{what} could not be written to {where}: {reason}. Nothing was changed.") from error
