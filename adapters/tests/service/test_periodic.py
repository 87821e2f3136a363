"""Periodic work goes on while there is more, outlives a server that is away, and stops when told."""

from __future__ import annotations

from threading import Event

import pytest
from aether_adapters.kernel.errors import Kind, Unavailable
from aether_adapters.kernel.problems import ErrorTable, Problem, RemoteError
from aether_adapters.service.periodic import Periodic
from prometheus_client import REGISTRY


class AlreadyClosed(Exception):
    def __init__(self, order_id: int) -> None:
        super().__init__(f"The order {order_id} is closed.")
        self.order_id = order_id


ERRORS = ErrorTable("shop", {AlreadyClosed: Kind.CONFLICT})
REMOTE = RemoteError(
    Problem(kind=Kind.INTERNAL, type="/problems/internal", title="Internal error", detail="elsewhere")
)


def test_it_goes_on_at_once_while_there_is_more_and_through_trouble() -> None:
    stop = Event()
    answers: list[object] = [True, Unavailable("away"), True, AlreadyClosed(7), REMOTE, False]

    def work() -> bool:
        answer = answers.pop(0)
        if not answers:
            stop.set()
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    Periodic("test", work, 0.01, ERRORS).run(stop)
    assert answers == []


def test_a_broken_rule_is_counted() -> None:
    stop = Event()

    def work() -> bool:
        stop.set()
        raise AlreadyClosed(7)

    Periodic("counted", work, 0.01, ERRORS).run(stop)
    labels = {"work": "counted", "outcome": "/problems/shop/already-closed"}
    assert REGISTRY.get_sample_value("aether_periodic_turns_total", labels) == 1


def test_an_error_that_is_no_trouble_of_the_machinery_ends_it() -> None:
    def work() -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Periodic("test", work, 0.01, ERRORS).run(Event())


def test_it_does_nothing_once_stopped() -> None:
    stop = Event()
    stop.set()
    Periodic("test", lambda: pytest.fail("worked"), 0.01, ERRORS).run(stop)
