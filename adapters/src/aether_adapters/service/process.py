"""Several roles of a service in one process: started together, stopped together."""

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
"""Enough for any edge; some systems allow a thousand million."""


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
    """Run the roles called `names`, each in a thread, until SIGTERM or SIGINT; the process's exit code.

    0: every role returned. 1: a role raised, which stops the others too, or did not return within `grace` seconds of
    being told. A second signal ends the process at once. With `admin_port` an `AdminServer` runs beside them. `stop`
    lets a caller end it without a signal. The process may open as many files as the system lets it. Until it ends,
    the garbage collector passes over what is there when it starts: modules and what the composition root has built.
    Raises `ValueError` for a name that is no role.
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
        # Some hundred thousand objects that stay as long as the process; a full collection would look at each, again
        # and again, for tens of milliseconds in which no request is answered.
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
    """SIGTERM and SIGINT set `stop` inside, and the second of them ends the process at once.

    Around `run_roles` it covers what comes before the roles and after them, so that what was begun there is ended
    too. Off the main thread signals cannot be taken, and it does nothing.
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
    """Raise the soft limit of open files, usually 1,024, to the hard one: each client's connection is a file.

    The soft limit is for programs that call select(2), which ends at 1,024; as Go's runtime does it,
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
        except (ValueError, OSError) as error:  # macOS has a lower limit, which it does not tell
            _LOG.warning("limit of open files stays", files=soft, reason=str(error))


class _Running(threading.Thread):
    """One role at work."""

    def __init__(self, name: str, role: Role, stop: Stop, changed: threading.Semaphore) -> None:
        super().__init__(name=f"role-{name}", daemon=True)  # one that hangs must not outlive the grace
        self.role_name = name
        self.failed = False
        self._role = role
        self._stop_event = stop
        self._changed = changed

    def run(self) -> None:
        try:
            self._role(self._stop_event)
        except BaseException as error:  # also SystemExit: a server that gives up is a role that died
            self.failed = True
            _LOG.error("role died", role=self.role_name, exc_info=error)
            self._stop_event.set()
        finally:
            self._changed.release()


def _wait(running: list[_Running], stop: Stop, changed: threading.Semaphore) -> None:
    """Until told to stop, or every role has returned."""
    left = len(running)
    while left and not stop.is_set():
        # Woken by a role that ends; the timeout is for a signal, whose handler must not touch this lock.
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
