"""Session of one run: starts servers and domains, waits until they are ready, watches and stops them."""

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

from aether_adapters.kernel.files import private_folder

from aether_tools.console import UsageError
from aether_tools.interrupts import INTERRUPTIONS, handled_by
from aether_tools.runner.children import Child, Children
from aether_tools.runner.plan import CompanionProcess, Process
from aether_tools.runner.ports import HOST
from aether_tools.workspace import Workspace

_START_TIMEOUT_SECONDS: Final = 60.0
"""Time until all processes must be ready."""
_GRACE_SECONDS: Final = 10.0
"""Time that processes have to end before they are killed; requests of a developer end sooner."""
_POLL_SECONDS: Final = 0.05


class ProcessFailed(Exception):
    """A process ended, or was not ready in time, while it was needed. `last_lines` is the end of its output."""

    def __init__(self, reason: str, last_lines: Sequence[str]) -> None:
        super().__init__(reason)
        self.last_lines = tuple(last_lines)


class Interruptions:
    """Counts SIGINT, SIGTERM and SIGHUP: the first requests a graceful stop, the second an immediate one."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count signals that arrive within the block."""
        with handled_by(self._count, *INTERRUPTIONS):
            yield

    def _count(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1


class StopRequested(Exception):
    """The user stopped the run before everything was ready."""


@contextmanager
def exclusive_data(data: Path) -> Iterator[None]:
    """Create and lock the data folder. Raises `UsageError` if another run uses it."""
    private_folder(data)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another `aether run` uses {data}; stop it first, or use another folder with --data."
            ) from None
        yield


class Session:
    """Starts and watches the processes of a run. Use as a context manager: leaving it stops every process."""

    def __init__(self, workspace: Workspace, children: Children, interruptions: Interruptions) -> None:
        self._workspace = workspace
        self._children = children
        self._interruptions = interruptions
        self._serving: list[Child] = []
        self._deadline = time.monotonic() + _START_TIMEOUT_SECONDS

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        # Stop the domains first, because they need the servers to finish their requests.
        self._children.stop(self._serving, grace_seconds=_GRACE_SECONDS, force=self._stop_at_once)
        self._children.stop_all(grace_seconds=_GRACE_SECONDS, force=self._stop_at_once)

    def _stop_at_once(self) -> bool:
        return self._interruptions.count > 1

    def start(self, processes: Sequence[Process]) -> None:
        """Start the processes of the domains."""
        for process in processes:
            command = [str(self._workspace.python), "-m", process.domain.package, *process.roles]
            env = {**os.environ, "PYTHONUNBUFFERED": "1", **process.env}
            self._serving.append(
                self._children.start(process.name, command, env=env, folder=self._workspace.root)
            )

    def start_companions(self, companions: Sequence[CompanionProcess]) -> None:
        """Start the companions. Like the servers, they stop after the domains."""
        for companion in companions:
            env = {**os.environ, "PYTHONUNBUFFERED": "1", **companion.env}
            self._children.start(companion.name, companion.command, env=env, folder=self._workspace.root)

    def wait_until_ready(self, processes: Sequence[Process]) -> None:
        """Wait until all processes are ready. Raises `ProcessFailed` or `StopRequested`."""
        waiting = list(processes)
        while waiting:
            self._poll(waiting[0].name)
            waiting = [process for process in waiting if not _is_ready(process)]

    def wait_for(self, ready: Callable[[], bool], name: str) -> None:
        """Wait until `ready` returns True for the process `name`. Raises `ProcessFailed` or `StopRequested`."""
        while not ready():
            self._poll(name)

    def watch(self, command: str | None, announcement: str) -> int:
        """Show the log until a signal arrives or `command` ends. Return the exit code.

        The command gets `announcement` as AETHER_READY. Raises `ProcessFailed` if an essential process ends.
        """
        once_ready = (
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
            self._children.pump(_POLL_SECONDS)
            self._raise_if_ended()
            if once_ready is not None and not once_ready.running:
                code = once_ready.end()
                return code if code >= 0 else 128 - code
        return 0

    def _poll(self, name: str) -> None:
        self._children.pump(_POLL_SECONDS)
        if self._interruptions.count:
            raise StopRequested
        self._raise_if_ended()
        if time.monotonic() > self._deadline:
            raise ProcessFailed(f"{name} was not ready within {_START_TIMEOUT_SECONDS:g} s", ())

    def _raise_if_ended(self) -> None:
        ended = self._children.ended()
        if ended is not None:
            raise ProcessFailed(f"{ended.name} ended with code {ended.end()}", ended.last_lines)


def is_listening(port: int) -> bool:
    """Return whether a process accepts connections on a loopback port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _is_ready(process: Process) -> bool:
    """Return whether a process reports that it is ready, and listens for gRPC if it should.

    Check both, because each role starts independently.
    """
    connection = http.client.HTTPConnection(HOST, process.health, timeout=1)
    try:
        if process.grpc and not is_listening(process.grpc):
            return False
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
