"""A system that the tests of a module share, though any of them may break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Final, Generic, Self, TypeVar

import pytest

from tests.support.roles import eventually

_GRACE_SECONDS: Final = 10.0
"""How long a system may take to be whole again after a test that passed."""
S = TypeVar("S")


class Shared(Generic[S]):
    """Lends one running system to one test after another, and builds it anew where the test before broke it.

    A test that failed may have died anywhere: with a server stopped, with work half done, with books that are wrong.
    So its system is thrown away, and so is one that is not `whole` after a test that passed. Where every test leaves
    the system whole it is built once.
    """

    def __init__(self, build: Callable[[], AbstractContextManager[S]], whole: Callable[[S], bool]) -> None:
        self._build = build
        self._whole = whole
        self._running = ExitStack()
        self._system: S | None = None

    @contextmanager
    def lent(self, request: pytest.FixtureRequest) -> Iterator[S]:
        """The system, whole, for the test of `request`."""
        failed_before = request.session.testsfailed
        system = self._system
        if system is None:
            system = self._system = self._running.enter_context(self._build())
        yield system
        if request.session.testsfailed > failed_before or not self._comes_to_be_whole(system):
            self._throw_away()

    def _comes_to_be_whole(self, system: S) -> bool:
        try:
            eventually(lambda: self._whole(system), "it is whole", _GRACE_SECONDS)
        except AssertionError:
            return False
        return True

    def _throw_away(self) -> None:
        self._system = None
        self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._throw_away()
