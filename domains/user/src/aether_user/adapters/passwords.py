"""Passwords hashed with Argon2id (RFC 9106)."""

from threading import BoundedSemaphore
from typing import Final

from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import Exhausted
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from aether_user.domain.values import Password

_PATIENCE: Final = 5.0


class Argon2Passwords:
    """Hashes with `passes` over `kibibytes` of memory in `lanes`, at most `at_once` at the same time.

    One more waits as long as its deadline allows: each takes its memory and a whole processor, so that a crowd
    at the door would otherwise take both from everybody. `match` does the same work for None as for a hash of today.
    """

    def __init__(self, *, passes: int, kibibytes: int, lanes: int, at_once: int) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=kibibytes, parallelism=lanes)
        self._turns = BoundedSemaphore(at_once)
        self._nobodys = self._hasher.hash(b"what nobody's password is compared with")

    def hash(self, password: Password, /) -> str:
        with _Turn(self._turns):
            return self._hasher.hash(password.normal)

    def match(self, password_hash: str | None, password: Password, /) -> bool:
        with _Turn(self._turns):
            try:
                self._hasher.verify(password_hash or self._nobodys, password.normal)
            except (VerificationError, InvalidHashError):
                return False
        return password_hash is not None

    def outdated(self, password_hash: str, /) -> bool:
        return self._hasher.check_needs_rehash(password_hash)


class _Turn:
    def __init__(self, turns: BoundedSemaphore) -> None:
        self._turns = turns

    def __enter__(self) -> None:
        if not self._turns.acquire(timeout=remaining(_PATIENCE)):
            raise Exhausted("Too many want to sign in at once: come back later.", retry_after=1.0)

    def __exit__(self, *_error: object) -> None:
        self._turns.release()
