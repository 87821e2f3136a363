"""Starts child processes that never outlive the process that started them."""

from __future__ import annotations

import errno
import os
import secrets
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from aether_adapters.embedded.parent_death import tie_to
from aether_adapters.kernel.files import private_file

_PORTS: Final = range(10_000, 32_000)
_MOST_RESERVATIONS: Final = 64
_RESERVATIONS: Final[deque[int]] = deque()
"""Descriptors of the sockets that reserve the ports returned last."""
# Linux sends the death signal when the *thread* that forked ends, so a thread that lives as long as the
# process forks.
_SPAWNER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aether-nursery")


def start(
    command: Sequence[str], *, log: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` and append its output to `log`; on Linux the kernel kills it when this process dies.

    On other systems only `stop` ends it, so a crash of this process leaves it running.
    """
    tie = tie_to(os.getpid())

    def fork() -> subprocess.Popen[bytes]:
        private_file(log)
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - the commands are the kits' own
                list(command),
                cwd=cwd,
                env=dict(env) if env is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal must reach only the parent, which stops the child
                preexec_fn=tie,
                umask=0o077,  # what it keeps is for its owner only
            )

    return _SPAWNER.submit(fork).result()


def stop(process: subprocess.Popen[bytes], *, grace: float = 5.0) -> None:
    """Terminate the process; kill it after `grace` seconds. May be called again."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def free_port() -> int:
    """Return a loopback port on which nobody listens, and which no other process gets from this function meanwhile.

    It lies below the ports of outgoing connections, one of which could otherwise take it before its server does. A UDP
    socket of the same number reserves it until this process ends or has asked for 64 more. Raises `OSError` if there is
    none.
    """
    for _ in range(1000):
        port = secrets.choice(_PORTS)
        with socket.socket(type=socket.SOCK_DGRAM) as reservation, socket.socket() as probe:
            try:
                reservation.bind(("127.0.0.1", port))
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _RESERVATIONS.append(reservation.detach())
        if len(_RESERVATIONS) > _MOST_RESERVATIONS:
            os.close(_RESERVATIONS.popleft())
        return port
    raise OSError(errno.EADDRINUSE, f"no port from {_PORTS.start} to {_PORTS.stop - 1} is free on 127.0.0.1")


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], *, log: Path, seconds: float, every: float
) -> None:
    """Poll `ready` until it is true; raise `RuntimeError` with the end of the log if the process fails."""
    give_up = time.monotonic() + seconds
    while not ready():
        code = process.poll()
        if code is not None or time.monotonic() > give_up:
            stop(process)
            ended = f"ended with code {code}" if code is not None else f"was not ready after {seconds:g} s"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"{process.args!r} {ended}. The end of {log}:\n{tail}")
        time.sleep(every)
