"""Checks that the container of each domain can be built, with the workspace's own Python.

Importing the kits takes seconds, and each domain a tenth of a second more, so domains share a process and only many
of them use several. The names of their packages and settings differ, so they do not affect each other.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from aether_tools.check.container.own_time import OwnTime
from aether_tools.check.sql.pending import pending_change
from aether_tools.console import UsageError
from aether_tools.development import development
from aether_tools.finding import Finding, Location
from aether_tools.workspace import ISSUER, KEY_SET, PRIVATE_KEY, Domain, Workspace

_PROBE: Final = Path(__file__).with_name("probe.py")
_START_SECONDS: Final = 30.0
"""The own time that a process has to start; the probe tells that of each further step."""
_STOPPED_SECONDS: Final = 600.0
"""The wall-clock time after which a step is hopeless, such as one that waits for a broken disk."""
_STACK_SECONDS: Final = 2.0
"""The time it has to write its stack when it hangs."""
_SAMPLE_SECONDS: Final = 0.05
_STACK: Final = " (most recent call first):"
"""What faulthandler writes above a stack."""
_DOMAINS_PER_PROCESS: Final = 20
"""One process checks up to this many domains sooner than a second one has imported the kits."""
_FIXES: Final = {
    "container-argument": "Give the provider exactly the arguments that its class or function takes.",
    "container-type": "Pass the provider of an adapter that implements the port.",
    "container-broken": "Correct the provider's arguments, or what its class or function does with them.",
    "connects-to-a-server": "Give it a default that needs no server: building a container connects to nothing.",
    "cycle": "Break the cycle: let one of the two take what it needs as an argument of a call.",
    "container-import": "Correct that line.",
    "not-installed": "Install it: for this domain, run uv pip install --no-deps --no-build-isolation "
    "-e domains/{domain}; a library belongs in domains/{domain}/pyproject.toml.",
    "moved-in-the-kits": "The installed aether-adapters does not have that name: the changelog of Aether says what moved.",
    "migration-broken": "Correct the migration if it has run nowhere yet; otherwise write another one.",
    "container-idle": "Give it to the worker, such as worker = Dict(consumer=consumer.provider), or remove it.",
    "container-memory": "Use the adapter of a database; one in memory belongs in the tests.",
    "container-factory": "Use Singleton: everything in the process shares the one object.",
    "error-kind": "Derive it from one of the kinds in the same file, or add it to the ErrorTable in container.py.",
    "error-domain": "Write {domain}: clients tell errors apart by domain and class.",
    "domain-settings": "Correct the file; the check built no container of this domain.",
    "container-missing": "Write it: a DeclarativeContainer that makes each use case and the port.",
    "container-dead": "Importing and building a container must end, and must not end the process.",
}


def check_containers(
    workspace: Workspace, domains: Sequence[Domain], *, unmigrated: Collection[str] = ()
) -> Iterator[tuple[str, Finding]]:
    """Yield a domain and a finding for each reason why its container cannot be built, or its migrations do not fit.

    The migrations of the domains called `unmigrated` are not run.
    """
    standing = []
    for domain in domains:
        try:
            development(domain)
        except UsageError as error:
            reason = str(error).replace(f"{workspace.root}{os.sep}", "")
            place = Location(workspace.relative(domain.folder / "pyproject.toml"), 1, 1)
            yield domain.name, _finding(domain.name, place, "domain-settings", reason)
            continue
        if (domain.source / "container.py").is_file():
            standing.append(domain)
        else:
            file = workspace.relative(domain.source / "container.py")
            reason = f"{domain.name} has no container.py."
            yield domain.name, _finding(domain.name, Location(file), "container-missing", reason)
    if not standing:
        return
    workers = min(os.cpu_count() or 1, math.ceil(len(standing) / _DOMAINS_PER_PROCESS))
    with tempfile.TemporaryDirectory(prefix="aether-check-") as folder, ThreadPoolExecutor(workers) as pool:
        batches = [standing[at::workers] for at in range(workers)]
        for findings in pool.map(lambda batch: _probe(workspace, batch, Path(folder), unmigrated), batches):
            yield from findings


def _probe(
    workspace: Workspace, domains: Sequence[Domain], folder: Path, unmigrated: Collection[str]
) -> list[tuple[str, Finding]]:
    """Probe `domains` in one process; if one ends it, probe the rest in another."""
    findings: list[tuple[str, Finding]] = []
    waiting = list(domains)
    while waiting:
        output, ending, stack = _run(workspace, waiting, folder, unmigrated)
        begun: Domain | None = None
        for line in output.split("\n")[:-1]:  # a kill may have cut the last line
            message = json.loads(line)
            if "begin" in message:
                begun = waiting.pop(0)
            elif "end" in message:
                begun = None
            elif "found" in message and begun is not None:
                findings.append((begun.name, _told(workspace, begun, message["found"])))
        if begun is None and waiting:
            # It ended before the first domain, so it would end for each of them.
            begun = waiting[0]
            waiting.clear()
        if begun is not None:
            place = _innermost(workspace, begun, stack)
            location = place or Location(workspace.relative(begun.source / "container.py"), 1, 1)
            reason = f"Building the container of {begun.name} {ending}."
            findings.append((begun.name, _finding(begun.name, location, "container-dead", reason)))
    return findings


def _told(workspace: Workspace, domain: Domain, found: dict[str, Any]) -> Finding:
    """Return the finding that the probe wrote."""
    if found["code"] == "migration-pending":
        return pending_change(workspace, domain, found["change"])
    location = Location(_relative(workspace, found["file"]), found["line"], 1)
    if "advice" in found:
        return Finding(location, found["code"], found["reason"], found["advice"])
    return _finding(domain.name, location, found["code"], found["reason"], found.get("fix"))


def _run(
    workspace: Workspace, domains: Sequence[Domain], folder: Path, unmigrated: Collection[str]
) -> tuple[str, str, str]:
    """Run the probe. Return what it wrote, how it ended, as the end of a sentence, and what it wrote to stderr.

    It reads and writes files: a program that a domain starts would hold pipes open.
    """
    tasks = [_task(workspace, domain, folder, unmigrated) for domain in domains]
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        given.write(json.dumps(tasks).encode())
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603 - our own argv
            [str(workspace.python), "-P", str(_PROBE)],
            cwd=workspace.root,
            stdin=given,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            hung = _wait(process, output)
        finally:
            _kill(process)
        written, said = (_content(file) for file in (output, errors))
    if hung:
        return written, f"did not end within {hung:g} s", said
    last = re.split(rf".*{re.escape(_STACK)}", said, maxsplit=1)[0].strip().splitlines()[-1:] or [""]
    return written, f"ended with code {process.returncode}: {last[0]}".rstrip(": "), said


def _wait(process: subprocess.Popen[bytes], output: IO[bytes]) -> float:
    """Wait for the probe. Return 0 once it has ended, or the own seconds that it took for one step, if it hangs."""
    spent, wall = OwnTime(process.pid), time.monotonic()
    limit, length = _START_SECONDS, 0
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SAMPLE_SECONDS)
            return 0.0
        written = os.fstat(output.fileno()).st_size
        if written != length:  # it has come further
            text = os.pread(output.fileno(), written - length, length).decode(errors="replace")
            told = re.findall(r'"seconds": ([\d.]+)', text)
            limit = float(told[-1]) if told else limit
            length, wall = written, time.monotonic()
            spent.restart()
        elif spent.sample() > limit or time.monotonic() - wall > _STOPPED_SECONDS:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGUSR1)  # the probe writes its stack
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STACK_SECONDS)
            return limit


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _innermost(workspace: Workspace, domain: Domain, errors: str) -> Location | None:
    """Return the innermost line of a domain in the last stack that faulthandler wrote. None if it has none."""
    _, found, stack = errors.rpartition(_STACK)
    for file, line in re.findall(r'File "([^"]+)", line (\d+)', stack if found else ""):
        if Path(file).is_relative_to(domain.folder):
            return Location(_relative(workspace, file), int(line), 1)
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the probe, and what a domain started in it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _task(
    workspace: Workspace, domain: Domain, folder: Path, unmigrated: Collection[str]
) -> dict[str, object]:
    """Return the task of a probe. Its settings reach no server: a private database, and ports without a listener."""
    keys = folder / KEY_SET
    if not keys.exists():
        keys.write_text('{"keys": []}', encoding="utf-8")
    settings = {
        "DATABASE_URL": f"sqlite:///{folder / domain.name}.db",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "JWKS": str(keys),
        "SERVICE_KEY": str(keys.with_name(PRIVATE_KEY)),
        "TOKEN_ISSUER": ISSUER,
        "TOKEN_AUDIENCE": workspace.name,
    }
    migrations = domain.folder / "migrations"
    runs = (migrations / "env.py").is_file() and domain.name not in unmigrated
    return {
        "domain": domain.name,
        "migrations": str(migrations) if runs else "",
        "database": str(folder / f"{domain.name}-migrated.db"),
        "package": domain.package,
        "source": str(domain.source),
        "container": str(domain.source / "container.py"),
        "env": {f"{domain.prefix}{key}": value for key, value in settings.items()}
        | development(domain).settings_for(1),
    }


def _relative(workspace: Workspace, file: str) -> str:
    path = Path(file)
    return workspace.relative(path) if path.is_relative_to(workspace.root) else file


def _finding(domain: str, location: Location, code: str, reason: str, fix: str | None = None) -> Finding:
    """Return a finding with the fix of its code, or with another one of `_FIXES`."""
    text = _FIXES[fix or code].format(domain=domain)
    return Finding(location, code, reason, text)
