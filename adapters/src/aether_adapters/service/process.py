"""Runs several parts of a service in one process: starts them together and stops them together."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
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
_MOST_FILES: Final = 65_536
"""Open files that suffice for any server; some systems allow a thousand million."""


def run_roles(
    roles: Mapping[str, Role],
    names: Iterable[str],
    *,
    grace: float = 30.0,
    health: Health | None = None,
    admin_host: str = "127.0.0.1",
    admin_port: int = 0,
    stop: Stop | None = None,
) -> int:
    """Run the roles called `names`, each in a thread, until SIGTERM or SIGINT; return the exit code of the process.

    0: every role returned. 1: a role raised, which stops the others too, or did not return within `grace` seconds after
    `stop` was set. A second signal ends the process at once. With `admin_port` an `AdminServer` runs beside the roles.
    `stop` lets a caller end them without a signal. The limit of open files is raised as far as the system allows. Until
    the roles end, the garbage collector ignores the objects that exist at the start: modules, and what the composition
    root has built. Raises `ValueError` for an unknown name.
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
        running = [_Running(name, roles[name], stop, changed) for name in wanted]
        admin = AdminServer(health or Health({}), admin_host, admin_port) if admin_port else None
        # Several hundred thousand objects live as long as the process; each full collection would visit them all and
        # delay requests by tens of milliseconds.
        gc.freeze()
        try:
            if admin is not None:
                admin.start()
            for role in running:
                role.start()
            _wait(running, stop, changed)
            if health is not None:
                health.drain()
            return _finish(running, grace)
        finally:
            if admin is not None:
                admin.stop()
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

    def __init__(self, name: str, role: Role, stop: Stop, changed: threading.Semaphore) -> None:
        super().__init__(
            name=f"role-{name}", daemon=True
        )  # a role that hangs must not outlive the grace period
        self.role_name = name
        self.failed = False
        self._role = role
        self._stop_event = stop
        self._changed = changed

    def run(self) -> None:
        try:
            self._role(self._stop_event)
        except BaseException as error:  # SystemExit too: a server may exit that way
            self.failed = True
            _LOG.error("role died", role=self.role_name, exc_info=error)
            self._stop_event.set()
        finally:
            self._changed.release()


def _wait(running: list[_Running], stop: Stop, changed: threading.Semaphore) -> None:
    """Wait until `stop` is set or every role has returned."""
    left = len(running)
    while left and not stop.is_set():
        # A role that ends wakes this; the timeout notices a signal, whose handler must not touch this lock.
        if changed.acquire(timeout=0.1):
            left -= 1


def _finish(running: list[_Running], grace: float) -> int:
    end = monotonic() + grace
    code = 0
    for role in running:
        role.join(max(0.0, end - monotonic()))
    for role in running:
        if role.is_alive():
            _LOG.error("role did not stop", role=role.role_name, grace_seconds=grace)
            code = _FAILED
        elif role.failed:
            code = _FAILED
    return code
