"""Starts child processes that never outlive the process that started them."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from aether_adapters.embedded.parent_death import tie_to

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
    """Return a loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
