"""Passwords hashed with Argon2id (RFC 9106)."""

from threading import BoundedSemaphore
from typing import Final

from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import Exhausted
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from aether_user.domain.values import Password

_HASH_TIMEOUT_SECONDS: Final = 5.0


class Argon2Passwords:
    """Hashes with `passes` over `kibibytes` of memory in `lanes`, at most `at_once` at the same time.

    Further calls wait as long as their deadline allows, then raise `Exhausted`: each hash occupies its memory and a
    whole CPU, which a rush of sign-ins would take from every other request. `match` takes as long for None as for a
    hash with the current parameters.
    """

    def __init__(self, *, passes: int, kibibytes: int, lanes: int, at_once: int) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=kibibytes, parallelism=lanes)
        self._slots = BoundedSemaphore(at_once)
        self._dummy_hash = self._hasher.hash(b"compared with when there is no user")

    def hash(self, password: Password, /) -> str:
        with _Slot(self._slots):
            return self._hasher.hash(password.normal)

    def match(self, password_hash: str | None, password: Password, /) -> bool:
        with _Slot(self._slots):
            try:
                self._hasher.verify(password_hash or self._dummy_hash, password.normal)
            except (VerificationError, InvalidHashError):
                return False
        return password_hash is not None

    def outdated(self, password_hash: str, /) -> bool:
        return self._hasher.check_needs_rehash(password_hash)


class _Slot:
    def __init__(self, slots: BoundedSemaphore) -> None:
        self._slots = slots

    def __enter__(self) -> None:
        if not self._slots.acquire(timeout=remaining(_HASH_TIMEOUT_SECONDS)):
            raise Exhausted("Too many users are signing in: try again later.", retry_after=1.0)

    def __exit__(self, *_error: object) -> None:
        self._slots.release()
