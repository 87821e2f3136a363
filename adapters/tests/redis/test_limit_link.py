"""Tests of what the link to Redis sends, and what it costs, when a question is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import pytest
from aether_adapters.kernel.rate_limits import Allowance, Draw
from aether_adapters.redis.limit_link import Asked, LimitLink
from aether_adapters.redis.shadow_counter import ShadowCounter

DRAWS = [Draw("ann", 0.001, 3)]
NO_CAP = b"$2\r\n-1\r\n"
TWO_LEFT = b"*1\r\n:2000\r\n"


class Transport:
    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        pass


class Scene:
    """A link without a connection, and one question that it was asked."""

    def __init__(self) -> None:
        self.shadow = ShadowCounter()
        self.link = LimitLink(_never, self.shadow, 60.0)
        self.future: Future[list[Allowance]] = Future()
        self.question = Asked(DRAWS, self.future)
        self.transport = Transport()
        self.link.ask(self.question)

    def send(self) -> None:
        self.link._transport = cast("Any", self.transport)
        self.link._write(cast("Any", self.transport), self.link._unsent.pop())

    def give_up(self) -> None:
        assert self.question.batch is not None
        self.link._give_up(self.question.batch)

    def left(self) -> int:
        """The tokens that this process can still take alone."""
        taken = 0
        while self.shadow.take(DRAWS)[0].allowed:
            taken += 1
        return taken


async def _never() -> Any:
    await asyncio.Event().wait()


def play(steps: Callable[[Scene], None]) -> None:
    """Do `steps` in an event loop, after the question has been asked."""

    async def main() -> None:
        scene = Scene()
        await asyncio.sleep(0)
        try:
            steps(scene)
        finally:
            scene.link.close()

    asyncio.run(main())


def test_what_was_given_up_while_connecting_is_not_sent() -> None:
    def steps(scene: Scene) -> None:
        assert scene.shadow.count_here(scene.question)[0].allowed
        scene.send()
        assert b"".join(scene.transport.written) == b""
        assert scene.left() == 2

    play(steps)


def test_what_is_sent_again_has_the_cap_of_the_first_time() -> None:
    """A cap that knew of the token taken here would take it in Redis, and the question one more."""

    def steps(scene: Scene) -> None:
        scene.send()
        scene.shadow.count_here(scene.question)
        scene.link.data_received(b"-NOSCRIPT No matching script.\r\n")
        first, again = scene.transport.written
        assert NO_CAP in first and NO_CAP in again

    play(steps)


def test_an_answer_right_after_the_link_gave_up_costs_no_second_token() -> None:
    def steps(scene: Scene) -> None:
        scene.send()
        scene.give_up()
        scene.link.data_received(TWO_LEFT)
        assert scene.future.result(0)[0].remaining == 2
        assert scene.left() == 2

    play(steps)


def test_an_answer_just_before_the_thread_gave_up_costs_no_second_token() -> None:
    def steps(scene: Scene) -> None:
        scene.send()
        scene.link.data_received(TWO_LEFT)
        assert scene.shadow.count_here(scene.question)[0].remaining == 2
        assert scene.left() == 2

    play(steps)


def test_a_lost_connection_counts_what_had_no_answer_here() -> None:
    def steps(scene: Scene) -> None:
        scene.send()
        scene.link.connection_lost(None)
        assert scene.future.result(0)[0].allowed
        assert scene.left() == 2

    play(steps)


@pytest.mark.parametrize("error", [RecursionError("nested"), ValueError("no number"), OSError("refused")])
def test_whatever_goes_wrong_while_connecting_the_link_tries_again(error: Exception) -> None:
    """redis-py raises errors of Python itself for answers that no Redis gives, but something in its place may."""

    async def main() -> None:
        again = asyncio.Event()
        errors = [error]

        async def opening() -> Any:
            if errors:
                raise errors.pop()
            again.set()
            await _never()

        link = LimitLink(opening, ShadowCounter(), 60.0)
        future: Future[list[Allowance]] = Future()
        link.ask(Asked(DRAWS, future))
        try:
            await asyncio.wait_for(again.wait(), 30)
        finally:
            link.close()
        assert future.result(0)[0].allowed

    asyncio.run(main())
