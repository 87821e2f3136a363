"""Passwords hashed with Argon2id (RFC 9106), in threads of their own."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, get_native_id
from typing import Final, TypeVar

from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import Exhausted
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from aether_user.domain.values import Password

T = TypeVar("T")

_HASH_TIMEOUT_SECONDS: Final = 5.0
_NICENESS: Final = 5
"""How much less than the service's other threads those that hash are scheduled, as in `man nice`."""


class Argon2Passwords:
    """Hashes with `passes` over `kibibytes` of memory in `lanes`, at most `at_once` at the same time.

    A hash occupies its memory and a CPU for each lane, so a rush of sign-ins could take both from every other
    request. Therefore hashes have threads of their own, which give way to the others (on Linux), and at most `waiting`
    calls wait for one of them: a further one raises `Exhausted` at once, because a call that waits holds a thread of
    the server. Half of the places to wait are kept for trusted calls.

    `match` takes as long for None as for a hash with the current parameters.
    """

    def __init__(self, *, passes: int, kibibytes: int, lanes: int, at_once: int, waiting: int) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=kibibytes, parallelism=lanes)
        self._threads = ThreadPoolExecutor(at_once, "hash", initializer=_give_way)
        self._places = BoundedSemaphore(at_once + waiting)
        self._strangers = BoundedSemaphore(at_once + waiting - waiting // 2)
        self._dummy_hash = self._hasher.hash(b"compared with when there is no user")

    def hash(self, password: Password, /, *, trusted: bool = False) -> str:
        return self._run(lambda: self._hasher.hash(password.normal), trusted)

    def match(self, password_hash: str | None, password: Password, /, *, trusted: bool = False) -> bool:
        def verify() -> bool:
            try:
                return self._hasher.verify(password_hash or self._dummy_hash, password.normal)
            except (VerificationError, InvalidHashError):
                return False

        return self._run(verify, trusted) and password_hash is not None

    def admit(self) -> None:
        if not self._places.acquire(blocking=False):
            raise _exhausted()
        self._places.release()

    def outdated(self, password_hash: str, /) -> bool:
        return self._hasher.check_needs_rehash(password_hash)

    def _run(self, work: Callable[[], T], trusted: bool) -> T:
        patience = remaining(_HASH_TIMEOUT_SECONDS)
        leave = self._enter(trusted)

        def work_and_leave() -> T:
            # Left here and not in a callback of the job, which may run after the caller has its result.
            try:
                return work()
            finally:
                leave()

        job = self._threads.submit(work_and_leave)
        try:
            return job.result(patience)
        except TimeoutError:
            if job.cancel():
                leave()
            raise _exhausted() from None

    def _enter(self, trusted: bool) -> Callable[[], None]:
        """Take a place. Return what gives it back. Raises `Exhausted` at once if there is none."""
        taken: list[BoundedSemaphore] = []

        def leave() -> None:
            for places in taken:
                places.release()

        for places in (self._places,) if trusted else (self._strangers, self._places):
            if not places.acquire(blocking=False):
                leave()
                raise _exhausted()
            taken.append(places)
        return leave


def _give_way() -> None:
    """Lower the priority of this thread, and so of the lanes that it starts. Only Linux has priorities of threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICENESS)


def _exhausted() -> Exhausted:
    return Exhausted("Too many passwords are being checked: try again later.", retry_after=1.0)
