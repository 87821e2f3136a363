"""Reads the requests of one connection: uvicorn's HTTP/1.1 protocol, bounded in everything that a client sends.

llhttp refuses ambiguous framing but limits nothing, and uvicorn adds no limits. What this class adds: limits on heads,
trailers, framing and pipelining (see `ConnectionLimits`); an upgrade that is not accepted is ignored (RFC 9110,
section 7.8); trailer fields never become header fields.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn._types import ASGISendEvent, ASGIVersions
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from aether_adapters.rest.connections import ANSWERING, BODY, HEAD, IDLE, NEW, REFUSED, Connections
from aether_adapters.rest.refusals import Refusal, Refusals, Refused, malformed
from aether_adapters.rest.request_cycle import RequestCycle
from aether_adapters.rest.response import WHOLE_RESPONSE
from aether_adapters.rest.shedding import Shedder

_SLICE_BYTES: Final = 4096
"""Parsed at once: bounds how many requests of one segment are read before the first is answered."""
_FRAMING_BYTES: Final = 64 * 1024
_FRAMING_SHARE: Final = 2
"""Chunk headers, extensions and trailers may have `_FRAMING_BYTES`, and this many bytes for each byte of data."""
_DRAINED_BYTES: Final = 256 * 1024
"""Read of a body whose request is already answered, so that the connection can go on; as in Go's net/http."""
_DISCARDED_BYTES: Final = 1024 * 1024
"""Dropped after a refusal, so that a client that is still sending gets to read it."""
_ASGI: Final[ASGIVersions] = {"version": "3.0", "spec_version": "2.3"}
_WATCHED: Final = frozenset({b"host", b"expect", b"transfer-encoding"})


class Flow(FlowControl):
    """Reading stays paused while received data waits to be parsed."""

    holding = False

    def resume_reading(self) -> None:
        if not self.holding:
            super().resume_reading()


class _ExpectingCycle(RequestCycle):
    """A request with `Expect: 100-continue`.

    If it is answered without 100 Continue, its client may send the body or its next request, and nobody can tell which
    (RFC 9110, section 10.1.1). So the connection ends.
    """

    async def send(self, message: ASGISendEvent) -> None:
        if self.waiting_for_100_continue and self.more_body:
            self.keep_alive = False
        await super().send(message)


class RequestReader(HttpToolsProtocol):
    """Parses what arrives, starts a cycle for each request, and calls `refuse` when a rule or a limit is broken."""

    flow: Flow

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        connections: Connections,
        refusals: Refusals,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, state, {}, loop)
        self.phase = NEW
        self.since = connections.now
        self._all = connections
        self._limits = connections.limits
        self._refusals = refusals
        self._refusal: Refusal | None = None
        self._shed: Shedder | None = getattr(config.loaded_app, "shed", None)
        self._held: bytes | memoryview = b""
        self._hosts = 0
        self._coding = b""
        self._head_bytes = self._wire_bytes = self._body_bytes = self._dropped_bytes = 0

    # What arrives.

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self.phase == REFUSED:
            self._discard(len(data))
        elif self._held or self.pipeline or len(data) > _SLICE_BYTES:
            self._held = memoryview(bytes(self._held) + data if self._held else data)
            self.parse_held()
        else:
            self._parse(data)

    def parse_held(self) -> None:
        """Parse what was held back, as far as no request waits for the response to another."""
        while self._held and not self.pipeline:
            if self.transport.is_closing():
                self._held = b""
                return
            part = self._held[:_SLICE_BYTES]
            self._held = self._held[_SLICE_BYTES:]
            self._parse(part)
        if self._held:
            self.flow.holding = True
            self.flow.pause_reading()
        elif self.flow.holding:
            self.flow.holding = False
            if not self.pipeline:
                self.flow.resume_reading()

    def _parse(self, data: bytes | memoryview) -> None:
        before = self.phase
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserError as error:
            cause = error.__context__
            self.refuse(cause.refusal if isinstance(cause, Refused) else malformed(_reason(error)))
        else:
            if self.phase == before and before <= BODY:
                self._measure(len(data))

    def _measure(self, size: int) -> None:
        """Check a part of a request that has neither begun nor ended within the last `size` bytes."""
        if len(self.headers or ()) > self._limits.head_fields:
            self.refuse(self._refusals.head_fields)
        elif self.phase == BODY:
            self._wire_bytes += size
            if self._wire_bytes - self._body_bytes > _FRAMING_BYTES + _FRAMING_SHARE * self._body_bytes:
                self.refuse(self._refusals.framing)
        else:
            self._head_bytes += size
            if self._head_bytes > self._limits.head_bytes:
                self.refuse(self._refusals.head_bytes)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse the head again without its Upgrade field, then the rest: llhttp takes an upgrade as accepted."""
        fields = [name + b": " + value + b"\r\n" for name, value in self.headers if name != b"upgrade"]
        line = b"%s %s HTTP/%s\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode("ascii"),
        )
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parse(line + b"".join(fields) + b"\r\n")
        if self._refusal is None:
            self._held = memoryview(rest + bytes(self._held))
            if self._held:
                self.flow.holding = True
                self.flow.pause_reading()
                self.loop.call_soon(self.parse_held)

    def _discard(self, size: int) -> None:
        self._dropped_bytes += size
        if self._dropped_bytes > _DISCARDED_BYTES:
            self.transport.abort()

    # What the parser finds; raising `Refused` stops it.

    def on_message_begin(self) -> None:
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        # http_version, method and the target follow in `on_headers_complete`.
        self.scope = {  # type: ignore[typeddict-item]
            "type": "http",
            "asgi": _ASGI,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": self.headers,
        }
        self.phase = HEAD
        self.since = self._all.now
        self._hosts = 0
        self._coding = b""
        self._head_bytes = -_SLICE_BYTES  # the slice in which a head begins also holds what was before

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _WATCHED:
            if name == b"host":
                self._hosts += 1
            elif name == b"expect":
                self.expect_100_continue = value.lower() == b"100-continue"
            else:
                self._coding += value.strip() + b","
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser, refusals = self.parser, self._refusals
        method = parser.get_method().decode("ascii")
        if method == "CONNECT":
            raise Refused(refusals.tunnel)
        if parser.should_upgrade():
            return  # `_ignore_upgrade` parses this head again
        version = parser.get_http_version()
        if version != "1.1" and version != "1.0":
            raise Refused(refusals.version)
        self._check_head(version)
        scope = self.scope
        scope["method"] = method
        scope["http_version"] = version
        raw_path, scope["query_string"] = _split(self.url)
        path = raw_path.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = raw_path
        kind = _ExpectingCycle if self.expect_100_continue else RequestCycle
        before = self.cycle
        self.cycle = cycle = kind(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version == "1.1" and parser.should_keep_alive() and not self._all.draining,
            on_response=self.on_response_complete,
        )
        scope["extensions"] = {WHOLE_RESPONSE: cycle.write}  # type: ignore[dict-item] # not one that ASGI names
        self.headers = []  # for trailer fields, which are dropped (RFC 9110, section 6.5)
        self.phase = BODY
        self.since = self._all.now
        self._wire_bytes = self._body_bytes = self._dropped_bytes = 0
        if before is None or before.response_complete:
            refusal = None if self._shed is None else self._shed(scope)
            if refusal is None or not cycle.write(*refusal):
                self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _check_head(self, version: str) -> None:
        limits, refusals = self._limits, self._refusals
        if len(self.headers) > limits.head_fields:
            raise Refused(refusals.head_fields)
        if self._head_bytes > limits.head_bytes - 3 * _SLICE_BYTES:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > limits.head_bytes:
                raise Refused(refusals.head_bytes)
        if self._hosts != 1 and (self._hosts or version == "1.1"):
            raise Refused(refusals.hosts)
        if self._coding:
            if version == "1.0":
                raise Refused(refusals.coding_1_0)
            if self._coding.lower() != b"chunked,":
                raise Refused(refusals.coding)

    def on_body(self, body: bytes) -> None:
        size = len(body)
        self._body_bytes += size
        cycle = self.cycle
        if cycle.response_complete:
            self._dropped_bytes += size
            if self._dropped_bytes > _DRAINED_BYTES:
                raise Refused(self._refusals.unwanted)
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        if self.phase != BODY:
            return  # an upgrade that is ignored, or a body that is no longer wanted
        if len(self.headers) > self._limits.head_fields:
            raise Refused(self._refusals.head_fields)
        cycle = self.cycle
        if cycle.keep_alive and not self.parser.should_keep_alive():
            # A trailer field said so: the parser drops what follows, and nobody would answer it.
            cycle.keep_alive = False
            if cycle.response_complete:
                self.transport.close()
        if cycle.response_complete:
            self.phase = IDLE
            self.since = self._all.now
            return
        cycle.more_body = False
        cycle.message_event.set()
        self.phase = ANSWERING

    # What the connection does about it.

    def refuse(self, refusal: Refusal) -> None:
        """Answer with `refusal` in its turn, then end the connection."""
        raise NotImplementedError


def _split(url: bytes) -> tuple[bytes, bytes]:
    """Return path and query of a request target in any form (RFC 9112, section 3.2)."""
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path, query
    parsed = httptools.parse_url(url)
    return parsed.path or b"/", parsed.query or b""


def _reason(error: httptools.HttpParserError) -> str:
    """Return llhttp's words for what is wrong, such as "Duplicate Content-Length"."""
    cause = error.__context__
    return str(cause if isinstance(cause, httptools.HttpParserError) else error)[:200]
