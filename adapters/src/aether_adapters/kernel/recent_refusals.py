"""Short memory of refusals, so that a crowd that asks for the same thing does not ask for it one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

LIFE_SECONDS: Final = 1.0
"""How long a refusal is repeated, counted from the moment at which its question was asked."""
RENEWAL_SECONDS: Final = 0.7
"""Age at which one caller is let through, to ask again while all others are still refused."""
MAX_REFUSALS: Final = 10_000


@dataclass(slots=True)
class _Remembered(Generic[V]):
    refusal: V
    renew_at: float
    until: float


class RecentRefusals(Generic[K, V]):
    """Remembers what was refused for less than a second. Shared by all threads.

    It only refuses: whoever it lets through must still ask, and the answer of the one who was asked decides. One caller
    in `RENEWAL_SECONDS` is let through for each key, so a refusal that continues to hold costs one question, and one
    that has ended is forgotten at most `LIFE_SECONDS` after it was asked for. If that caller gets no answer, all of them
    are let through after `LIFE_SECONDS`. `clock` counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._remembered: dict[K, _Remembered[V]] = {}

    def now(self) -> float:
        """Return the time to pass to `add` as `asked_at`: read it before asking."""
        return self._clock()

    def add(self, key: K, refusal: V, *, asked_at: float, life_seconds: float = LIFE_SECONDS) -> None:
        """Remember a refusal for `life_seconds`, at most `LIFE_SECONDS`. The latest question counts."""
        until = asked_at + min(life_seconds, LIFE_SECONDS)
        with self._lock:
            known = self._remembered.get(key)
            if known is not None and known.until >= until:
                return
            if len(self._remembered) >= MAX_REFUSALS:
                self._make_room()
            self._remembered[key] = _Remembered(refusal, min(asked_at + RENEWAL_SECONDS, until), until)

    def get(self, key: K) -> V | None:
        """Return the refusal that still holds; None if the caller must ask."""
        known = self._remembered.get(key)  # without the lock: most keys were never refused
        if known is None:
            return None
        now = self._clock()
        if now < known.renew_at:
            return known.refusal
        with self._lock:
            if now >= known.until:
                if self._remembered.get(key) is known:
                    del self._remembered[key]
                return None
            if now < known.renew_at:
                return known.refusal  # another caller is asking
            known.renew_at = known.until
            return None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._remembered.clear()

    def _make_room(self) -> None:
        now = self._clock()
        self._remembered = {key: known for key, known in self._remembered.items() if now < known.until}
        if len(self._remembered) >= MAX_REFUSALS:
            self._remembered.clear()
