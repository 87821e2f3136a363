"""A shared system is rebuilt only if a test broke it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support import shared
from tests.support.shared import Shared


class Fake:
    """A system that runs until it is stopped, and can be broken."""

    def __init__(self) -> None:
        self.whole = self.runs = True


class Borrowers:
    """Tests that share one system, one after another."""

    def __init__(self) -> None:
        self.built: list[Fake] = []
        self.request: Any = SimpleNamespace(session=SimpleNamespace(testsfailed=0))
        self.shared = Shared(self.build, lambda system: system.whole)

    @contextmanager
    def build(self) -> Iterator[Fake]:
        self.built.append(Fake())
        yield self.built[-1]
        self.built[-1].runs = False

    def run(self, *, fails: bool = False, breaks: bool = False) -> Fake:
        with self.shared.lent(self.request) as system:
            assert system.runs and system.whole
            system.whole = not breaks
            self.request.session.testsfailed += fails
        return system


def test_it_is_shared_as_long_as_every_test_leaves_it_whole() -> None:
    borrowers = Borrowers()
    with borrowers.shared:
        assert borrowers.run() is borrowers.run() is borrowers.run()
    assert [system.runs for system in borrowers.built] == [False]


def test_after_a_test_that_failed_or_broke_it_the_next_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_GRACE_SECONDS", 0.0)
    borrowers = Borrowers()
    with borrowers.shared:
        broken = [
            borrowers.run(fails=True),
            borrowers.run(breaks=True),
            borrowers.run(fails=True, breaks=True),
        ]
        assert [system.runs for system in broken] == [False] * 3, "a broken system is stopped at once"
        assert borrowers.run() is borrowers.run()
    assert len(borrowers.built) == 4
    assert not any(system.runs for system in borrowers.built)
