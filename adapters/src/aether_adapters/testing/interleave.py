"""Make a race happen on purpose: do something on another connection between two statements of a transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Engine, NullPool, create_engine, event

_LOOK_EVERY_SECONDS: Final = 0.05
_WAITS_FOR_A_LOCK: Final = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"


@contextmanager
def meanwhile(engine: Engine, action: Callable[[], object], *, before: str, times: int = 1) -> Iterator[None]:
    """Run `action` just before each of the first `times` statements of `engine` that contain `before`.

    `action` runs in a thread of its own, so it may open a unit of work; its own statements are never held. The
    statement goes on as soon as `action` has ended or waits for a lock, so a transaction that holds the right lock
    passes too. MySQL and MariaDB only: on SQLite no one else can write between two statements of a unit of work.

    Leaving the block waits for `action` and raises what it raised. Raises `AssertionError` if no statement contained
    `before`, because then nothing was tested.
    """
    observer = create_engine(engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    mine = threading.local()
    started: list[Future[object]] = []
    counting = threading.Lock()

    def run() -> object:
        mine.acting = True
        return action()

    def waits_for_a_lock() -> bool:
        with observer.connect() as connection:
            return bool(connection.exec_driver_sql(_WAITS_FOR_A_LOCK).scalar_one())

    def hold(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if getattr(mine, "acting", False) or before not in statement:
            return
        with counting:
            if len(started) == times:
                return
            acting = pool.submit(run)
            started.append(acting)
        while not wait([acting], _LOOK_EVERY_SECONDS).done and not waits_for_a_lock():
            continue

    with ThreadPoolExecutor(times, thread_name_prefix="meanwhile") as pool:
        event.listen(engine, "before_cursor_execute", hold)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", hold)
    for acting in started:
        acting.result()
    if not started:
        raise AssertionError(f"no statement contained {before!r}")
