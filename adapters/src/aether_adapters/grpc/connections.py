"""Several connections to one target, and which of them the next call takes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

CONNECTIONS: Final = 8
"""Connections of a channel to each address. The processes behind one port share its connections by chance: with one
connection a single process would serve everything, with eight one process is left out in 1 of 128 cases."""

C = TypeVar("C")
Invoke = TypeVar("Invoke")


class Connections(Generic[C]):
    """Opens `count` connections; a call takes the less busy one of two at random. Thread-safe.

    Source: https://www.eecs.harvard.edu/~michaelm/postscripts/mythesis.pdf (the power of two choices).
    """

    def __init__(self, open_one: Callable[[], C], count: int = CONNECTIONS) -> None:
        self.all: Final = tuple(open_one() for _ in range(count))
        self._out = [0] * count
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return the number of the connection for the next call, which `give_back` frees."""
        count = len(self._out)
        one = random.randrange(count)  # noqa: S311 # not for security
        other = (one + random.randrange(1, count)) % count if count > 1 else one  # noqa: S311
        with self._lock:
            chosen = one if self._out[one] <= self._out[other] else other
            self._out[chosen] += 1
        return chosen

    def give_back(self, number: int) -> None:
        """End a call."""
        with self._lock:
            self._out[number] -= 1


class Connection(Generic[C, Invoke]):
    """One gRPC channel, and what calls each method on it; `open_method` makes that by the method's path."""

    __slots__ = ("_invokers", "_open_method", "channel")

    def __init__(self, channel: C, open_method: Callable[[str], Invoke]) -> None:
        self.channel = channel
        self._open_method = open_method
        self._invokers: dict[str, Invoke] = {}

    def invoker(self, path: str) -> Invoke:
        """Return what calls the method at `path`, the same each time."""
        invoke = self._invokers.get(path)
        if invoke is None:
            invoke = self._invokers[path] = self._open_method(path)
        return invoke
