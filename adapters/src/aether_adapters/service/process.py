"""Runs several parts of a service in one process: starts them together and stops them together."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Final

import structlog

from aether_adapters.observability.health import Health
from aether_adapters.service.admin import AdminServer

Stop = threading.Event
"""Set when the process is to end; a role returns soon after."""

Role = Callable[[Stop], None]

_LOG = structlog.get_logger("aether.process")
_FAILED: Final = 1
_FORCED: Final = 130
_LAST_SECONDS: Final = 5.0
"""Time that the last roles have to stop, even if the others have used up theirs."""
_MOST_FILES: Final = 65_536
"""Open files that suffice for any server; some systems allow a thousand million."""
_COLLECTED_AT_ONCE: Final = 50_000
"""New objects after which the garbage collector looks for cycles. By Python's default of 700 it does so 500 times while
a body of 1 MB with 350,000 lists is parsed, which then takes four times as long and delays every other request."""

_SWITCH_SECONDS: Final = 0.0001
"""After which a thread that computes gives the interpreter lock to another. Python's default is ten times as long, for
which each step of the threads that read requests and call others would have to wait."""


def run_roles(
    roles: Mapping[str, Role],
    names: Iterable[str],
    *,
    grace: float = 30.0,
    health: Health | None = None,
    admin: AdminServer | None = None,
    last: Collection[str] = (),
    stop: Stop | None = None,
) -> int:
    """Run the roles called `names`, each in a thread, until SIGTERM or SIGINT; return the exit code of the process.

    0: every role returned. 1: a role raised, which stops the others too, or did not return within `grace` seconds after
    `stop` was set. A second signal ends the process at once. `admin` serves for as long as a role runs. The roles in `last`
    are told to stop only after the others have stopped. `stop` lets a caller end them without a signal. The limit of open files is raised as far as the system allows. Until
    the roles end, the garbage collector ignores the objects that exist at the start (modules, and what the composition
    root has built) and runs less often. Raises `ValueError` for an unknown name.
    """
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in roles]
    if unknown or not wanted:
        raise ValueError(
            f"no such role: {', '.join(unknown) or '(none)'}; there are {', '.join(sorted(roles))}"
        )
    with stop_on_signals(stop) as stop:
        changed = threading.Semaphore(0)
        _allow_connections()
        finish = Stop()
        running = [
            _Running(name, roles[name], finish if name in last else stop, stop, changed)
            for name in sorted(wanted, key=lambda name: name in last)
        ]
        # Several hundred thousand objects live as long as the process; each full collection would visit them all and
        # delay requests by tens of milliseconds.
        gc.freeze()
        before = gc.get_threshold()
        gc.set_threshold(_COLLECTED_AT_ONCE, *before[1:])
        sys.setswitchinterval(_SWITCH_SECONDS)
        try:
            if admin is not None:
                admin.start()
            for role in running:
                role.start()
            _wait(running, stop, changed)
            if health is not None:
                health.drain()
            return _finish(running, grace, finish, last)
        finally:
            if admin is not None:
                admin.stop()
            gc.set_threshold(*before)
            gc.unfreeze()


@contextmanager
def stop_on_signals(stop: Stop | None = None) -> Iterator[Stop]:
    """Set `stop` on SIGTERM or SIGINT within the block; a second signal ends the process at once.

    Around `run_roles` it also covers what runs before and after the roles, so that a signal during start-up still ends
    in an orderly shutdown. Only the main thread can handle signals; in any other thread this does nothing.
    """
    stop = stop or Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(_FORCED)
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _allow_connections() -> None:
    """Raise the soft limit of open files, usually 1,024, to the hard limit: each connection of a client is a file.

    The soft limit protects programs that call select(2), which fails above 1,024. Go's runtime does the same:
    https://go.dev/issue/46279.
    """
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError) as error:  # macOS has a lower limit that it does not report
            _LOG.warning("limit of open files stays", files=soft, reason=str(error))


class _Running(threading.Thread):
    """The thread of one role."""

    def __init__(
        self, name: str, role: Role, stop: Stop, stop_all: Stop, changed: threading.Semaphore
    ) -> None:
        super().__init__(
            name=f"role-{name}", daemon=True
        )  # a role that hangs must not outlive the grace period
        self.role_name = name
        self.failed = False
        self._role = role
        self._stop_event = stop
        self._stop_all = stop_all
        self._changed = changed

    def run(self) -> None:
        try:
            self._role(self._stop_event)
        except BaseException as error:  # SystemExit too: a server may exit that way
            self.failed = True
            _LOG.error("role died", role=self.role_name, exc_info=error)
            self._stop_all.set()
        finally:
            self._changed.release()


def _wait(running: list[_Running], stop: Stop, changed: threading.Semaphore) -> None:
    """Wait until `stop` is set or every role has returned."""
    left = len(running)
    while left and not stop.is_set():
        # A role that ends wakes this; the timeout notices a signal, whose handler must not touch this lock.
        if changed.acquire(timeout=0.1):
            left -= 1


def _finish(running: list[_Running], grace: float, finish: Stop, last: Collection[str]) -> int:
    end = monotonic() + grace
    code = 0
    for role in running:  # those in `last` are behind the others
        if role.role_name in last:
            finish.set()
            end = max(end, monotonic() + _LAST_SECONDS)
        role.join(max(0.0, end - monotonic()))
    for role in running:
        if role.is_alive():
            _LOG.error("role did not stop", role=role.role_name, grace_seconds=grace)
            code = _FAILED
        elif role.failed:
            code = _FAILED
    return code
