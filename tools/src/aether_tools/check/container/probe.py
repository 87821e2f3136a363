"""Builds the containers of domains and reports what does not fit. Runs in the workspace's own Python.

It runs as a script and imports nothing of aether_tools, which need not be installed there. It reads tasks as JSON from
standard input and writes one JSON object a line: each finding, between a `begin` and an `end` for each domain, so that
the domain that ended the process is known.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import runpy
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

Found = dict[str, object]

_FOLDER = Path(__file__).parent
_TELL_SECONDS = 0.2
_STEP_SECONDS = 10
"""The own time of a step: to build a provider, or to run a module until it imports the next one."""
_MIGRATE_SECONDS = 10
"""The own time that migrations have, and a second more for each of them."""
_MAIN_THREAD = threading.get_ident()
# By their paths: a script that runs with -P does not see its own folder.
fits = runpy.run_path(str(_FOLDER / "fits.py"))
assembly = runpy.run_path(str(_FOLDER / "assembly_probe.py"))
blame = runpy.run_path(str(_FOLDER / "blame.py"))
settings_probe = runpy.run_path(str(_FOLDER / "settings_probe.py"))
Places = runpy.run_path(str(_FOLDER / "places.py"))["Places"]


def main() -> None:
    """Work through the tasks; never raises for what a domain does."""
    tasks = json.load(sys.stdin)
    # Domains may print; the protocol keeps a descriptor of its own.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    end = os._exit
    _write_stacks(end)
    migration_probe = runpy.run_path(str(_FOLDER / "migration_probe.py"))
    progress = Progress(out)
    for task in tasks:
        _write(out, {"begin": task["domain"]})
        progress.allow(_STEP_SECONDS)
        os.environ.update(task["env"])
        for found in _probe(task, progress):
            _write(out, {"found": found})
        if task["migrations"] and f"{task['package']}.container" in sys.modules:
            count = sum(1 for _ in Path(task["migrations"], "versions").glob("*.py"))
            progress.allow(_MIGRATE_SECONDS + count)
            for found in migration_probe["changes"](Path(task["migrations"]), Path(task["database"])):
                _write(out, {"found": found})
        _write(out, {"end": task["domain"]})
    # Do not wait for threads that a container started, of pools and clients.
    end(0)


class Progress:
    """Tells the parent that the process does not hang: at each import, and at each provider."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._told = 0.0
        self._seconds = _STEP_SECONDS
        sys.addaudithook(self._hook)

    def allow(self, seconds: int) -> None:
        """Tell of a step that may take so many seconds of own time, as may those that follow."""
        self._seconds = seconds
        _write(self._out, {"seconds": seconds})

    def step(self) -> None:
        """Tell of a step, a few times a second at most."""
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            _write(self._out, {"seconds": self._seconds})

    def _hook(self, event: str, _: object) -> None:
        if event == "import" and threading.get_ident() == _MAIN_THREAD:
            self.step()


def _write_stacks(end: Callable[[int], NoReturn]) -> None:
    """Write the stack to stderr when the parent asks for it, at a crash, and before a domain ends the process."""
    errors = sys.__stderr__ or 2

    def write_stack_and_end(status: int) -> NoReturn:
        faulthandler.dump_traceback(errors, all_threads=False)
        end(status)

    faulthandler.enable(errors, all_threads=False)
    faulthandler.register(signal.SIGUSR1, errors, all_threads=False)
    os._exit = write_stack_and_end


def _write(out: TextIO, message: dict[str, object]) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


def _probe(task: dict[str, Any], progress: Progress) -> Iterator[Found]:
    file = Path(task["container"])
    try:
        module = importlib.import_module(f"{task['package']}.container")
    except BaseException as error:  # a SystemExit on import is a finding too
        yield _broken(
            task, "container-import", f"{task['package']}.container cannot be imported", error, file, 1
        )
        return
    from dependency_injector import containers, providers

    places = Places(file)
    for name, kind in vars(module).items():
        if not (isinstance(kind, type) and issubclass(kind, containers.DeclarativeContainer)):
            continue
        if kind.__module__ != module.__name__:
            continue
        try:
            container = kind()
        except Exception as error:
            yield _broken(task, "container-broken", f"{name} cannot be made", error, file, places.line(name))
            continue
        unbuildable = list(_resolve(task, container.providers, providers, file, places, name, progress))
        yield from unbuildable or assembly["assembly"](task, container.providers, places, name)
    yield from assembly["error_kinds"](task, module)


def _resolve(
    task: dict[str, Any],
    named: dict[str, Any],
    providers: Any,
    file: Path,
    places: Any,
    container: str,
    progress: Progress,
) -> Iterator[Found]:
    failed: set[int] = set()
    seen = {id(provider) for provider in named.values()}
    handed_on = _handed_on(named, providers)
    names = {id(provider): name for name, provider in named.items()}
    for name, provider in named.items():
        progress.step()
        line = places.line(f"{container}.{name}")
        places.match(f"{container}.{name}", provider)
        behind = [each for each in provider.traverse() if id(each) != id(provider)]
        unnamed = [each for each in behind if id(each) not in seen]
        seen.update(map(id, unnamed))
        unlike = []
        partial = set()
        for each in (provider, *unnamed):
            found = _misfit(each)
            if found and not found[0] and isinstance(each, providers.Factory) and id(each) in handed_on:
                partial.add(id(each))  # the rest of its arguments come with the call
            elif found:
                unlike.append((each, *found))
        if unlike:
            failed.add(id(provider))
            for each, argument, reason, instead in unlike:
                at = places.argument(each, argument, None, line)
                finding = _finding("container-argument", f"The provider {name}: {reason}.", file, at)
                yield finding | {"advice": f"Write {instead} instead of {argument}."} if instead else finding
        elif any(id(each) in failed for each in behind):
            failed.add(id(provider))  # a finding of what it is built from comes first
        else:
            try:
                # Before it is built: a wrong argument is a clearer finding than the error that it causes.
                wrong = [
                    (each, *what) for each in (*unnamed, provider) for what in _wrong_parts(each, providers)
                ]
                if not wrong and id(provider) not in partial:
                    provider()
                    for each in (provider, *unnamed):
                        _build_branches(each, providers)
            except Exception as error:
                failed.add(id(provider))
                yield from _unbuilt(task, name, provider, error, file, places, line, names)
                continue
            if wrong:
                failed.add(id(provider))
            for each, argument, position, reason in wrong:
                at = places.argument(each, argument, position, line)
                yield _finding("container-type", f"The provider {name}: {reason}.", file, at)


def _unbuilt(
    task: dict[str, Any],
    name: str,
    provider: Any,
    error: Exception,
    file: Path,
    places: Any,
    line: int,
    names: dict[int, str],
) -> Iterator[Found]:
    """Yield why a provider cannot be built, at the line of the argument that is to blame."""
    what = f"The provider {name} cannot be built"
    if isinstance(error, RecursionError):
        way = blame["cycle"](provider, names)
        if way:
            takes = ", which takes ".join(f"{child} ({parameter}=)" for _, parameter, child in way)
            owner, parameter, _ = way[0]
            at = places.argument(owner, parameter, None, line)
            reason = f"{what}: it needs itself: {name} takes {takes}."
            yield _finding("container-broken", reason, file, at) | {"fix": "cycle"}
            return
    parent, parameter, broken, error = blame["culprit"](provider, error, names)
    made = getattr(broken, "provides", None)
    if _reads_environment(made):
        found = list(settings_probe["wrong_settings"](task, made, error))
        if found:
            yield from found
            return
    if parent is not None:
        position = next((at for at, each in enumerate(getattr(parent, "args", ())) if each is broken), None)
        line = places.argument(parent, parameter, position, line)
        owner = fits["name_of"](getattr(parent, "provides", parent))
        what = f"{what}: {parameter} of {owner} is {blame['title'](broken, names)}"
    yield _broken(task, "container-broken", what, error, file, line)


def _build_branches(provider: Any, providers: Any) -> None:
    """Build every branch of a selector, because other settings may choose it. Raises what the branch raises."""
    if isinstance(provider, providers.Selector):
        for branch in provider.providers.values():
            branch()


def _misfit(provider: Any) -> tuple[str, str, str] | None:
    """Return the argument, the reason and the right name if a provider's arguments do not match what it calls."""
    known = blame["signature_of"](provider)
    # The environment may hold the arguments of settings, so only building them can fail.
    if known is None or _reads_environment(known[0]):
        return None
    found: tuple[str, str, str] | None = fits["misfit"](*known, provider.args, provider.kwargs)
    return found


def _wrong_parts(provider: Any, providers: Any) -> Iterator[tuple[str, int, str]]:
    """Yield parameter, position and reason for each argument that does not fit its annotation."""
    known = blame["signature_of"](provider)
    if known is None:
        return
    called, signature = known
    arguments = signature.bind_partial(*provider.args, **provider.kwargs).arguments
    positions = list(signature.parameters)
    for name, reason in fits["wrong_arguments"](called, arguments, signature, providers):
        yield name, positions.index(name), reason


def _reads_environment(called: object) -> bool:
    """Return whether it is a settings class of pydantic."""
    return isinstance(called, type) and any(
        base.__module__.partition(".")[0] == "pydantic_settings" for base in called.__mro__
    )


def _handed_on(named: dict[str, Any], providers: Any) -> set[int]:
    """Return what is handed on with `.provider`, so that whoever calls it may give further arguments."""
    return {
        id(each.provides)
        for provider in named.values()
        for each in (provider, *provider.traverse())
        if isinstance(each, providers.Delegate)
    }


def _broken(task: dict[str, Any], code: str, what: str, error: BaseException, file: Path, line: int) -> Found:
    """Return a finding at the line of the domain that raised an import error, else at `file` and `line`."""
    reason = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(".")
    if code == "container-import":
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).is_relative_to(task["source"])
        ]
        if isinstance(error, SyntaxError) and error.filename:
            file, line = Path(error.filename), error.lineno or 1
        elif frames:
            file, line = Path(frames[-1].filename), frames[-1].lineno or 1
    if isinstance(error, RecursionError):
        return _finding(code, f"{what}: it needs itself.", file, line) | {"fix": "cycle"}
    found = _finding(code, f"{what}: {reason}.", file, line)
    if _is_missing_in_the_kits(error):
        return found | {"fix": "moved-in-the-kits"}
    if isinstance(error, ModuleNotFoundError):
        return found | {"fix": "not-installed"}
    if code == "container-broken" and isinstance(error, OSError):
        return found | {"fix": "connects-to-a-server"}
    advice = blame["correct_name"](error)
    return found | {"advice": advice} if advice else found


def _is_missing_in_the_kits(error: BaseException) -> bool:
    """Whether the installed aether-adapters lacks the module or the name that was imported."""
    if not isinstance(error, ImportError) or not error.name:
        return False
    installed = not isinstance(error, ModuleNotFoundError) or error.name != "aether_adapters"
    return installed and error.name.partition(".")[0] == "aether_adapters"


def _finding(code: str, reason: str, file: Path, line: int) -> Found:
    return {"code": code, "reason": reason, "file": str(file), "line": line}


if __name__ == "__main__":
    main()
