"""The processes of one run: started, their output merged, and none of them left behind.

Everything happens in one thread: Linux sends a parent's death signal when the *thread* that forked ends, and a
fork among threads may hang.
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
_CHUNK: Final = 65536  # bytes
_LONGEST_LINE: Final = 1 << 20  # bytes; a child that writes no newline must not fill our memory


@dataclass(slots=True, eq=False)
class Child:
    """One process. `last` holds the end of its output; `essential` says that its end is the end of the run."""

    name: str
    process: subprocess.Popen[bytes]
    essential: bool
    last: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    rest: bytes = b""

    @property
    def running(self) -> bool:
        """Whether it has not ended. It is not reaped: until then its process group cannot be anybody else's."""
        if self.process.returncode is not None:
            return False
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def end(self) -> int:
        """Kill what is left of it and of what it started; gives its exit code, negative for a signal."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        return int(self.process.returncode)


class Children:
    """Starts processes and hands each line they write to `show(child's name, line)`.

    On Linux the kernel kills every child when this process dies, even by SIGKILL. Elsewhere only `stop` does.
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
        """Start `command` in `folder`, its output merged into ours; a Ctrl-C in the terminal does not reach it."""
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
        """Show what the children wrote, waiting at most `seconds` for something."""
        if not self._selector.get_map():
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            child: Child = key.data
            chunk = os.read(key.fd, _CHUNK)
            if chunk:
                self._take(child, chunk)
            else:
                self._selector.unregister(key.fileobj)
                _output(child).close()
                if child.rest:
                    self._take(child, b"\n")

    def dead(self) -> Child | None:
        """An essential child that has ended; what it wrote last has been shown."""
        gone = next((child for child in self._children if child.essential and not child.running), None)
        if gone is not None:
            self._drain(0.5)
        return gone

    def stop(self, children: Sequence[Child], *, grace: float, hurry: Callable[[], bool]) -> None:
        """Ask `children` to end; after `grace` seconds, or as soon as `hurry` says, kill what is left of them."""
        for child in children:
            child.essential = False
            if child.running:
                os.kill(child.process.pid, signal.SIGTERM)
        until = time.monotonic() + grace
        while any(child.running for child in children) and time.monotonic() < until and not hurry():
            self.pump(0.05)
        for child in children:
            if child.running:
                self._show(child.name, "did not stop in time: killed")
            child.end()
        self._drain(0.2)

    def stop_all(self, *, grace: float, hurry: Callable[[], bool]) -> None:
        """Stop whatever still runs."""
        self.stop(self._children, grace=grace, hurry=hurry)

    def _drain(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self._selector.select(0):
                return
            self.pump(0)

    def _take(self, child: Child, chunk: bytes) -> None:
        *lines, child.rest = (child.rest + chunk).split(b"\n")
        if len(child.rest) > _LONGEST_LINE:
            lines.append(child.rest)
            child.rest = b""
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            child.last.append(text)
            self._show(child.name, text)


def _output(child: Child) -> IO[bytes]:
    output = child.process.stdout
    if output is None:
        raise RuntimeError(f"{child.name} was started without a pipe")
    return output
