"""Rate limits that all processes share through Redis, and that never wait for it."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache, partial
from typing import Final

import redis

from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.rate_limits import Allowance, Draw
from aether_adapters.redis.async_connection import open_connection
from aether_adapters.redis.limit_link import Asked, LimitLink
from aether_adapters.redis.shadow_counter import Question, ShadowCounter

_WAIT_SECONDS: Final = 0.005
"""Longest wait for Redis: a limit must not become the outage that it prevents."""

_Loop = asyncio.AbstractEventLoop


class FallbackCounter:
    """A `Counter` in Redis, and in each process while Redis is slow, refuses or is away.

    A request waits at most `wait_seconds` for Redis, and not at all after some slow answers, until probes in the
    background find it prompt. A process that counts alone starts from what Redis answered last, and Redis hears
    afterwards what was taken meanwhile: so N processes alone allow at most N times the rate, and no new burst.
    """

    def __init__(self, client: redis.Redis, *, wait_seconds: float = _WAIT_SECONDS) -> None:
        self._opening = partial(open_connection, client.connection_pool)
        self._shadow = ShadowCounter()
        self._wait = wait_seconds
        self._links: dict[_Loop, LimitLink] = {}
        weakref.finalize(self, _close, self._links)

    def take(self, draws: Sequence[Draw], /) -> Sequence[Allowance]:
        """Make all draws, or none if a bucket has too few tokens; for threads.

        Raises `ValueError` for an impossible draw and `DeadlineExceeded` after the caller's deadline.
        """
        refusal = self._shadow.refusal(draws)
        if refusal is not None:
            return refusal
        wait = remaining(2 * self._wait)  # the link gives up first, unless its thread gets no turn
        loop = _background_loop()
        link = self._links.get(loop)
        if link is not None and link.away:
            return self._shadow.count_here(Question(draws))
        future: Future[list[Allowance]] = Future()
        question = Asked(draws, future)
        loop.call_soon_threadsafe(self._ask, question)
        try:
            return future.result(wait)
        except TimeoutError:
            return self._shadow.count_here(question)

    async def take_soon(self, draws: Sequence[Draw], /) -> Sequence[Allowance]:
        """Do the same without blocking the running event loop."""
        refusal = self._shadow.refusal(draws)
        if refusal is not None:
            return refusal
        loop = asyncio.get_running_loop()
        link = self._links.get(loop) or self._link()
        if link.away:
            return self._shadow.count_here(Question(draws))
        future: asyncio.Future[list[Allowance]] = loop.create_future()
        link.ask(Asked(draws, future))
        return await future

    def _ask(self, question: Asked) -> None:
        self._link().ask(question)

    def _link(self) -> LimitLink:
        """Return the link of the running event loop."""
        loop = asyncio.get_running_loop()
        link = self._links.get(loop)
        if link is None:
            for ended in [each for each in tuple(self._links) if each.is_closed()]:
                self._links.pop(ended, None)
            link = self._links[loop] = LimitLink(self._opening, self._shadow, self._wait)
        return link


def _close(links: dict[_Loop, LimitLink]) -> None:
    for loop, link in links.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(link.close)


@cache
def _background_loop() -> _Loop:
    """Return the event loop that asks for the threads of this process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="limits", daemon=True).start()
    return loop


_COUNTERS: Final[weakref.WeakKeyDictionary[redis.Redis, FallbackCounter]] = weakref.WeakKeyDictionary()
_GUARD: Final = threading.Lock()


def counter_of(client: redis.Redis) -> FallbackCounter:
    """Return the counter of a client; there is one, so that all limits of a request make one round trip."""
    with _GUARD:
        counter = _COUNTERS.get(client)
        if counter is None:
            counter = _COUNTERS[client] = FallbackCounter(client)
        return counter
