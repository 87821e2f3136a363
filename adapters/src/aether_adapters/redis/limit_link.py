"""The connection of one event loop to Redis for rate limits: batches questions, and does not wait for a slow server."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, Final, Protocol

import structlog
from redis.asyncio.connection import AbstractConnection

from aether_adapters.kernel.rate_limits import Allowance, Draw
from aether_adapters.kernel.tls import refusal
from aether_adapters.redis.limit_script import Answers, ServerRefuses, command
from aether_adapters.redis.shadow_counter import Question, ShadowCounter

_LOG: Final = structlog.get_logger("aether.redis")
_LOG_SECONDS: Final = 60.0
_SLOW_IN_A_ROW: Final = 3
"""Batches without an answer in time after which nobody waits any more."""
_PROBES: Final = 2
"""Prompt answers in a row after which Redis is asked again."""
_PROBE_SECONDS: Final = 0.25
_LOST_SECONDS: Final = 2.0
"""Time without an answer to a probe after which a new connection is tried; also the longest for connecting."""
_FIRST_PAUSE_SECONDS: Final = 0.1
_POLLS: Final = 3
"""Turns that the loop gets, after the time is up, to read an answer that arrived while it was busy."""
_PROBE: Final = (Draw("probe", 1000.0, 1000),)


class Settles(Protocol):
    """A future of an event loop or of a thread."""

    def done(self) -> bool: ...
    def set_result(self, result: list[Allowance], /) -> None: ...


class Asked(Question):
    """A question of this process, and the future that hears its allowances. A probe has none."""

    __slots__ = ("batch", "future")

    def __init__(self, draws: Sequence[Draw], future: Settles | None) -> None:
        super().__init__(draws)
        self.future = future
        self.batch: _Batch | None = None

    def tell(self, allowances: list[Allowance]) -> None:
        """Set the future's result, unless its caller was cancelled."""
        if self.future is not None and not self.future.done():
            self.future.set_result(allowances)


class _Batch:
    """Questions that were sent together."""

    __slots__ = ("late", "left", "questions", "timer")

    def __init__(self, questions: list[Asked]) -> None:
        self.questions = questions
        self.left = len(questions)
        self.late = False
        self.timer: asyncio.TimerHandle | None = None
        for question in questions:
            question.batch = self

    @property
    def is_probe(self) -> bool:
        return self.questions[0].draws is _PROBE


class LimitLink(asyncio.Protocol):
    """Asks Redis for the running event loop. Use it in that loop only, except `away`.

    All questions of one turn of the loop are sent together. One without an answer after `wait_seconds` is counted here, as
    is everything while the link is `away`: after some slow answers, a refusal, or the end of the connection. It then
    probes in the background until answers are prompt again.
    """

    def __init__(
        self,
        opening: Callable[[], Awaitable[AbstractConnection]],
        shadow: ShadowCounter,
        wait_seconds: float,
    ) -> None:
        """`opening` returns a new connection; `shadow` learns every answer, late ones too."""
        self.away = False
        self._opening = opening
        self._shadow = shadow
        self._wait = wait_seconds
        self._loop = asyncio.get_running_loop()
        self._asked: list[Asked] = []
        self._unsent: list[_Batch] = []
        self._sent: deque[Asked] = deque()
        self._answers = Answers()
        self._writer: asyncio.StreamWriter | None = None
        """Unused, but it would end the connection when it is collected."""
        self._transport: asyncio.Transport | None = None
        self._ended: asyncio.Future[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._slow = 0
        self._prompt = 0
        self._probed_at = 0.0
        self._logged_at = float("-inf")
        self._closed = False

    def ask(self, question: Asked) -> None:
        """Set the question's future to its allowances, now or later."""
        if self.away or self._closed:
            self._count_here(question)
            return
        if not self._asked:
            self._loop.call_soon(self._flush)
        self._asked.append(question)

    def close(self) -> None:
        """End the connection; every later question is counted here."""
        self._closed = True
        if self._keeping is not None:
            self._keeping.cancel()

    # Sending.

    def _flush(self) -> None:
        asked, self._asked = self._asked, []
        self._begin(_Batch(asked))

    def _begin(self, batch: _Batch) -> None:
        batch.timer = self._loop.call_later(self._wait, self._overdue, batch, _POLLS)
        if self._transport is not None:
            self._write(self._transport, batch)
            return
        self._unsent.append(batch)
        if self._keeping is None:
            # In a context of its own: the request's deadline must not end the connection.
            self._keeping = self._loop.create_task(self._keep_connected(), context=Context())

    def _write(self, transport: asyncio.Transport, batch: _Batch) -> None:
        parts = []
        for question in batch.questions:
            if self._shadow.begin(question):
                parts.append(command(question.draws, question.caps, whole=False))
                self._sent.append(question)
            else:
                batch.left -= 1
        transport.write(b"".join(parts))

    def _overdue(self, batch: _Batch, polls: int) -> None:
        if not batch.left or batch.late:
            return
        if polls:
            self._loop.call_soon(self._overdue, batch, polls - 1)
            return
        self._give_up(batch)
        if batch.is_probe:
            self._prompt = 0
            self._loop.call_later(_PROBE_SECONDS, self._probe)
        else:
            self._slow += 1
            if self._slow >= _SLOW_IN_A_ROW:
                self._leave(f"Redis does not answer within {self._wait * 1000:.0f} ms.")

    def _give_up(self, batch: _Batch) -> None:
        batch.late = True
        if batch in self._unsent:
            self._unsent.remove(batch)
        for question in batch.questions:
            self._count_here(question)

    def _count_here(self, question: Asked) -> None:
        if question.draws is not _PROBE:
            question.tell(self._shadow.count_here(question))

    # Answers.

    def data_received(self, data: bytes) -> None:
        try:
            answers = self._answers.feed(data)
        except ValueError as error:
            self._leave(str(error))
            self._abort()
            return
        for answer in answers:
            if not self._sent:  # what Redis says when it has too many clients or shuts down
                self._leave("Redis said something that nobody asked.")
                self._abort()
                return
            self._answered(self._sent.popleft(), answer)

    def _answered(self, question: Asked, answer: list[int] | ServerRefuses) -> None:
        batch = question.batch
        assert batch is not None  # noqa: S101 # it was sent in one
        if isinstance(answer, ServerRefuses):
            if answer.script_is_missing and self._transport is not None:
                self._sent.append(question)
                self._transport.write(command(question.draws, question.caps, whole=True))
                return
            self._count_here(question)
            self._leave(f"Redis refuses: {answer.text}")
            self._abort()
            return
        question.tell(self._shadow.learn(question, answer))
        batch.left -= 1
        if batch.left or batch.late:
            return
        if batch.timer is not None:
            batch.timer.cancel()
        if batch.is_probe:
            self._prompt += 1
            if self._prompt >= _PROBES:
                self._return()
            else:
                self._probe()
        else:
            self._slow = 0

    # Being away.

    def _leave(self, reason: str) -> None:
        """Ask no more for now, and probe if that has not begun."""
        if self._closed or self.away:
            return
        self.away = True
        self._slow = self._prompt = 0
        if self._loop.time() - self._logged_at >= _LOG_SECONDS:
            self._logged_at = self._loop.time()
            _LOG.warning("limits are counted in this process only", reason=reason)
        for question in self._asked:
            self._count_here(question)
        self._asked.clear()
        self._loop.call_later(_PROBE_SECONDS, self._probe)

    def _return(self) -> None:
        self.away = False
        self._slow = 0

    def _probe(self) -> None:
        """Send a probe, unless one is waiting for its answer already; after too long give the connection up."""
        if not self.away or self._closed or self._transport is None:
            return  # a new connection begins with a probe
        now = self._loop.time()
        if any(question.draws is _PROBE for question in self._sent):
            if now - self._probed_at > _LOST_SECONDS:
                self._abort()
            else:
                self._loop.call_later(_PROBE_SECONDS, self._probe)
            return
        self._probed_at = now
        self._begin(_Batch([Asked(_PROBE, None)]))

    # The connection.

    async def _keep_connected(self) -> None:
        """Connect again and again, until the event loop cancels its tasks because it ends, or `close` does."""
        pause = 0.0
        try:
            while True:
                await asyncio.sleep(pause)
                try:
                    async with asyncio.timeout(_LOST_SECONDS):
                        connection = await self._opening()
                except Exception as error:  # redis-py's parser raises ValueError and RecursionError too
                    for batch in [*self._unsent]:
                        self._give_up(batch)
                    self._leave(refusal("Redis", error) or str(error) or "Redis does not accept connections.")
                    pause = min(max(2 * pause, _FIRST_PAUSE_SECONDS), _LOST_SECONDS)
                    continue
                pause = 0.0
                self._ended = self._loop.create_future()
                self._connected(connection)
                await self._ended
        finally:
            self._closed = True
            self._abort()

    def _connected(self, connection: AbstractConnection) -> None:
        # redis-py has connected and authenticated; from here on its streams would cost more than the limits.
        writer: Any = connection._writer
        connection._reader = connection._writer = None
        transport = writer.transport
        transport.set_protocol(self)
        self._writer = writer
        self._transport = transport
        self._answers = Answers()
        unsent, self._unsent = self._unsent, []
        for batch in unsent:
            self._write(transport, batch)
        self._probe()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = self._writer = None
        for question in self._sent:
            self._count_here(question)
            if question.batch is not None:
                question.batch.late = True
        self._sent.clear()
        self._leave(f"Redis closed the connection: {exc}" if exc else "Redis closed the connection.")
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
