"""Periodic work goes on while there is more, outlives a server that is away, and stops when told."""

from __future__ import annotations

from threading import Event

import pytest
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.service.periodic import Periodic


def test_it_goes_on_at_once_while_there_is_more_and_through_trouble() -> None:
    stop = Event()
    answers: list[object] = [True, Unavailable("away"), True, False]

    def work() -> bool:
        answer = answers.pop(0)
        if not answers:
            stop.set()
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    Periodic("test", work, 0.01).run(stop)
    assert answers == []


def test_an_error_that_is_no_trouble_of_the_machinery_ends_it() -> None:
    def work() -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Periodic("test", work, 0.01).run(Event())


def test_it_does_nothing_once_stopped() -> None:
    stop = Event()
    stop.set()
    Periodic("test", lambda: pytest.fail("worked"), 0.01).run(stop)
