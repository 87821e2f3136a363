"""One run from start to stop: servers, domains, and all of it away again."""

from __future__ import annotations

import fcntl
import http.client
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from aether_tools.console import UsageError
from aether_tools.interrupts import INTERRUPTIONS, taken_by
from aether_tools.runner.children import Child, Children
from aether_tools.runner.plan import Beside, Process
from aether_tools.runner.ports import HOST
from aether_tools.workspace import Workspace

_START: Final = 60.0
"""Seconds that everything may take to be ready."""
_GRACE: Final = 10.0
"""Seconds that processes have to end before they are killed; above the kits' own five."""
_STEP: Final = 0.05
"""Seconds between two looks at what is going on."""


class Ended(Exception):
    """A process ended, or did not get ready, while it was needed; `last` is the end of what it wrote."""

    def __init__(self, reason: str, last: Sequence[str]) -> None:
        super().__init__(reason)
        self.last = tuple(last)


class Interruptions:
    """Counts SIGINT, SIGTERM and SIGHUP: the first asks for a clean stop, the second for a quick one."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what arrives inside."""
        with taken_by(self._count, *INTERRUPTIONS):
            yield

    def _count(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1


class Stopped(Exception):
    """The person asked to stop before everything was ready."""


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold `data` against a second run; raises `UsageError` where there is one already."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another `aether run` uses {data}; stop it first, or give this one data of its own with --data."
            ) from None
        yield


class Session:
    """Starts the parts of a run in order. Use as a context manager: leaving it stops every process."""

    def __init__(self, workspace: Workspace, children: Children, interruptions: Interruptions) -> None:
        self._workspace = workspace
        self._children = children
        self._interruptions = interruptions
        self._serving: list[Child] = []
        self._until = time.monotonic() + _START

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        hurry: Callable[[], bool] = lambda: self._interruptions.count > 1  # noqa: E731 - one line says it
        # The domains first: they finish what they are at, for which they need the servers.
        self._children.stop(self._serving, grace=_GRACE, hurry=hurry)
        self._children.stop_all(grace=_GRACE, hurry=hurry)

    def start(self, processes: Sequence[Process]) -> None:
        """Start the processes of the domains."""
        for process in processes:
            command = [str(self._workspace.python), "-m", process.domain.package, *process.roles]
            env = {**os.environ, "PYTHONUNBUFFERED": "1", **process.env}
            self._serving.append(
                self._children.start(process.name, command, env=env, folder=self._workspace.root)
            )

    def start_companions(self, companions: Sequence[Beside]) -> None:
        """Start what stands beside the domains; like the servers it outlives them."""
        for companion in companions:
            env = {**os.environ, "PYTHONUNBUFFERED": "1", **companion.env}
            self._children.start(companion.name, companion.command, env=env, folder=self._workspace.root)

    def wait_until_ready(self, processes: Sequence[Process]) -> None:
        """Wait until each of the processes says it is ready."""
        waiting = list(processes)
        while waiting:
            self._look(waiting[0].name)
            waiting = [process for process in waiting if not _ready(process)]

    def wait_for(self, ready: Callable[[], bool], name: str) -> None:
        """Wait until `ready` says so; `name` is who is waited for."""
        while not ready():
            self._look(name)

    def watch(self, command: str | None, announcement: str) -> int:
        """Show the log until a person stops the run, or until `command` has ended; gives the exit code."""
        last_word = (
            self._children.start(
                "once-ready",
                ["/bin/sh", "-c", command],
                env=os.environ | {"AETHER_READY": announcement},
                folder=Path.cwd(),
                essential=False,
            )
            if command is not None
            else None
        )
        while not self._interruptions.count:
            self._children.pump(_STEP)
            self._notice_the_dead()
            if last_word is not None and not last_word.running:
                code = last_word.end()
                return code if code >= 0 else 128 - code
        return 0

    def _look(self, name: str) -> None:
        self._children.pump(_STEP)
        if self._interruptions.count:
            raise Stopped
        self._notice_the_dead()
        if time.monotonic() > self._until:
            raise Ended(f"{name} was not ready within {_START:g} s", ())

    def _notice_the_dead(self) -> None:
        dead = self._children.dead()
        if dead is not None:
            raise Ended(f"{dead.name} ended with code {dead.end()}", dead.last)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on the loopback port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _ready(process: Process) -> bool:
    """Whether the process says it is ready, and answers gRPC where it should: each role starts by itself."""
    connection = http.client.HTTPConnection(HOST, process.health, timeout=1)
    try:
        if process.grpc and not listens(process.grpc):
            return False
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
