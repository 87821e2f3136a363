"""Child processes of one run: starts them, merges their output and stops all of them.

Use one thread only: Linux sends the parent death signal when the *thread* that forked ends (prctl(2),
PR_SET_PDEATHSIG), and a fork in a multithreaded process may deadlock.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from aether_adapters.embedded.parent_death import tie_to

_LAST_LINES: Final = 20
_CHUNK_BYTES: Final = 65536
_MAX_LINE_BYTES: Final = 1 << 20
"""Longest line to buffer, so that a child that writes no newline cannot fill the memory."""


@dataclass(slots=True, eq=False)
class Child:
    """One process. `last_lines` holds the end of its output. If an `essential` child ends, the run ends.

    `rest` is output after the last newline.
    """

    name: str
    process: subprocess.Popen[bytes]
    essential: bool
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    rest: bytes = b""

    @property
    def running(self) -> bool:
        """Whether the process is running. Does not reap it, so that its process group id cannot be reused."""
        if self.process.returncode is not None:
            return False
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def end(self) -> int:
        """Kill the process and all that it started. Return its exit code, negative for a signal."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        return int(self.process.returncode)


class Children:
    """Starts processes and passes each line of their output to `show(name, line)`.

    On Linux the kernel kills every child when this process dies, even by SIGKILL. On other systems only `stop` does.
    """

    def __init__(self, show: Callable[[str, str], None]) -> None:
        self._show = show
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        essential: bool = True,
    ) -> Child:
        """Start a command in `folder`, in a session of its own, so that Ctrl-C in the terminal does not reach it."""
        process = subprocess.Popen(  # noqa: S603 - our own argv
            list(command),
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=tie_to(os.getpid()),
        )
        child = Child(name, process, essential)
        output = _output(child)
        os.set_blocking(output.fileno(), False)
        self._selector.register(output, selectors.EVENT_READ, child)
        self._children.append(child)
        return child

    def pump(self, seconds: float) -> None:
        """Show the output of the children. Wait at most `seconds` for some."""
        if not self._selector.get_map():
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            child: Child = key.data
            chunk = os.read(key.fd, _CHUNK_BYTES)
            if chunk:
                self._receive(child, chunk)
            else:
                self._selector.unregister(key.fileobj)
                _output(child).close()
                if child.rest:
                    self._receive(child, b"\n")

    def ended(self) -> Child | None:
        """Return an essential child that has ended, after showing its last output, or None."""
        ended = next((child for child in self._children if child.essential and not child.running), None)
        if ended is not None:
            self._drain(0.5)
        return ended

    def stop(self, children: Sequence[Child], *, grace_seconds: float, force: Callable[[], bool]) -> None:
        """Send SIGTERM to `children`. Kill the rest after `grace_seconds`, or as soon as `force` returns True."""
        for child in children:
            child.essential = False
            if child.running:
                os.kill(child.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while any(child.running for child in children) and time.monotonic() < deadline and not force():
            self.pump(0.05)
        for child in children:
            if child.running:
                self._show(child.name, "did not stop in time: killed")
            child.end()
        self._drain(0.2)

    def stop_all(self, *, grace_seconds: float, force: Callable[[], bool]) -> None:
        """Stop all children that are still running, as `stop` does."""
        self.stop(self._children, grace_seconds=grace_seconds, force=force)

    def _drain(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self._selector.select(0):
                return
            self.pump(0)

    def _receive(self, child: Child, chunk: bytes) -> None:
        *lines, child.rest = (child.rest + chunk).split(b"\n")
        if len(child.rest) > _MAX_LINE_BYTES:
            lines.append(child.rest)
            child.rest = b""
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            child.last_lines.append(text)
            self._show(child.name, text)


def _output(child: Child) -> IO[bytes]:
    output = child.process.stdout
    if output is None:
        raise RuntimeError(f"{child.name} was started without a pipe")
    return output
