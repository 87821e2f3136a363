"""One connection of an HTTP server: runs the application for each request, and ends when its client breaks a rule."""

from __future__ import annotations

import asyncio
from contextvars import Context

import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from aether_adapters.kernel.addresses import counted_as
from aether_adapters.rest.connections import (
    ANSWERING,
    BODY,
    HEAD,
    IDLE,
    REFUSED,
    Client,
    Connections,
)
from aether_adapters.rest.refusals import Refusal, Refusals
from aether_adapters.rest.request_reader import Flow, RequestReader


class HttpConnection(RequestReader):
    """A `Client` of `Connections`; refusals are problem details, in the order of the requests."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        connections: Connections,
        refusals: Refusals,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, state, connections, refusals, loop)
        self.group = ""
        self.handshake: Client | None = None
        """The TLS handshake whose place this connection takes."""
        self.unread_since = 0.0
        self._running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport)
        self.group = counted_as(self.client[0]) if self.client else ""
        if self.handshake is not None:
            self._all.leave(self.handshake)
        if not self._all.admit(self):
            self._refusal = self._refusals.full
            self.phase = REFUSED
            transport.write(self._refusal.message(self.server_state.default_headers))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.leave(self)
        self._held = b""
        self.flow.holding = False
        running = self._running
        super().connection_lost(exc)
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()

    # What the application does.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Run the application in a context of its own, so that no variable of one request reaches the next."""
        self._running = cycle
        task = self.loop.create_task(cycle.run_asgi(app), context=Context())
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            if self.pipeline:
                return
        elif self._refusal is not None:
            self._write_refusal(self._refusal)
            return
        elif self.phase == ANSWERING:
            self.phase = IDLE
            self.since = self._all.now
        if self._held:
            self.loop.call_soon(self.parse_held)
        else:
            self.flow.resume_reading()

    # How it ends.

    def unread(self) -> int:
        """Return how many written bytes the client has yet to take."""
        return self.transport.get_write_buffer_size()

    def expire(self) -> None:
        """End the connection, because its client took too long; a request that has begun is answered 408."""
        if self.flow.read_paused and self.phase in (HEAD, BODY):
            self.since = self._all.now  # it is this server that does not read
        elif self.phase == HEAD:
            self.refuse(self._refusals.head_late)
        elif self.phase == BODY:
            self.refuse(self._refusals.body_late)
        else:
            if self.phase != REFUSED:
                self._all.ended("idle-timeout")
            self.transport.close()

    def evict(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    def refuse(self, refusal: Refusal) -> None:
        """Answer with `refusal` in its turn, then end the connection."""
        if self._refusal is not None or self.phase == REFUSED or self.transport.is_closing():
            return
        self._all.ended(refusal.reason)
        self._held = b""
        if self.phase == BODY and not self._give_up_body():
            self._linger()
            return
        self._refusal = refusal
        self.phase = ANSWERING  # those before it come first
        running = self._running
        if running is None or running.response_complete or running.disconnected:
            self._write_refusal(refusal)
        else:
            self.flow.pause_reading()

    def _give_up_body(self) -> bool:
        """Withdraw the newest request, whose body is at fault; return whether it is still to be answered."""
        cycle = self.cycle
        if self.pipeline:
            self.pipeline.popleft()
            return True
        if not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        return not cycle.response_started

    def _write_refusal(self, refusal: Refusal) -> None:
        self.transport.write(refusal.message(self.server_state.default_headers))
        self._linger()

    def _linger(self) -> None:
        """Send no more, and drop what still comes for a moment: closing at once would reset a client that is sending."""
        self.phase = REFUSED
        self.since = self._all.now
        self._dropped_bytes = 0
        self._held = b""
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.holding = False
        self.flow.resume_reading()
