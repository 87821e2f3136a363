"""Shares a system among the tests of a module, any of which may break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Final, Generic, Self, TypeVar

import pytest
from aether_adapters.testing.waiting import eventually

_GRACE_SECONDS: Final = 10.0
"""How long a system may take to be whole again after a passed test."""
S = TypeVar("S")


class Shared(Generic[S]):
    """Lends one running system to one test after another, and rebuilds it if a test broke it.

    A failed test may leave anything behind: a stopped server, unfinished work, books that disagree. So its system is
    discarded, and so is one that is not `whole` after a passed test. If every test leaves the system whole, it is
    built once.
    """

    def __init__(self, build: Callable[[], AbstractContextManager[S]], whole: Callable[[S], bool]) -> None:
        self._build = build
        self._whole = whole
        self._running = ExitStack()
        self._system: S | None = None

    @contextmanager
    def lent(self, request: pytest.FixtureRequest) -> Iterator[S]:
        """Yield the system, whole, for the test of `request`."""
        failed_before = request.session.testsfailed
        system = self._system
        if system is None:
            system = self._system = self._running.enter_context(self._build())
        yield system
        if request.session.testsfailed > failed_before or not self._becomes_whole(system):
            self._discard()

    def _becomes_whole(self, system: S) -> bool:
        try:
            eventually(lambda: self._whole(system), "it is whole", _GRACE_SECONDS)
        except AssertionError:
            return False
        return True

    def _discard(self) -> None:
        self._system = None
        self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._discard()
