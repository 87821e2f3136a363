"""The access log: one line for each request of a REST server and each call of a gRPC server.

structlog's chain takes longer for a line than the edge for a request. Here it renders one line for each kind of request,
with placeholders; later lines only fill them in. What a placeholder could not show as the chain does goes through the
chain: text that is masked, quoted or escaped, and fields that structlog or a tracer add.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from functools import lru_cache
from typing import Any, Final

import structlog
from opentelemetry import trace
from structlog.typing import Processor

from aether_adapters.kernel.masking import Known, masked

NAME: Final = "aether.access"
_PLAIN: Final = re.compile(r"[A-Za-z0-9._/-]+")
"""Text that every format shows as it is, unless it holds a secret."""
_RANDOM_ID: Final = re.compile(r"[0-9a-f]{32}")
_MAX_PATH_CHARACTERS: Final = 1024
"""A client decides how long a path is."""
_MAX_KINDS: Final = 1024
_MILLISECONDS: Final = 0.123
_LOG: Final = structlog.get_logger(NAME)

_Kind = tuple[str, str, int | str, str]
"""Method, operation, status (HTTP) or code (gRPC), and why the caller or its token was refused."""
_GRPC: Final = "gRPC"
"""Stands for the method of HTTP, which is always the same."""


class AccessLog:
    """Writes to `handler` what structlog would; the lines of one turn of an event loop together, when it ends.

    Threads without an event loop write each line at once. Only one event loop may write.
    """

    def __init__(
        self,
        handler: logging.StreamHandler[Any],
        known: Known,
        shared: Sequence[Processor],
        with_request_id: Callable[[str], object],
    ) -> None:
        """`shared` are the processors before the handler's formatter; `with_request_id` sets what they read."""
        self._handler = handler
        self._known = known
        self._shared = shared
        self._with_request_id = with_request_id
        self._logger = logging.getLogger(NAME)
        self._root = logging.getLogger()
        self._processors = structlog.get_config()["processors"]
        self._first = self._processors[0]
        self._lines: list[str] = []
        self._kinds: dict[_Kind, Callable[[str, float, str], str]] = {}
        self._is_plain = lru_cache(maxsize=4096)(self._shows_plainly)

    def write(self, kind: _Kind, path: str, milliseconds: float, request_id: str) -> bool:
        """Write a line; return False, having written nothing, if structlog must."""
        if not (self._undisturbed() and self._is_plain(path) and self._is_plain_id(request_id)):
            return False
        render = self._kinds.get(kind)
        if render is None:
            render = self._prepared(kind)
            if render is None:
                return False
        line = render(path, milliseconds, request_id)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._put(line)
            return True
        if not self._lines:
            loop.call_soon(self.flush)
        self._lines.append(line)
        return True

    def flush(self) -> None:
        """Write the lines of this turn of the loop."""
        lines, self._lines = self._lines, []
        if lines:
            self._put("".join(lines))

    def _put(self, text: str) -> None:
        handler = self._handler
        handler.acquire()
        try:
            handler.stream.write(text)
            handler.flush()
        except Exception:
            handler.handleError(self._logger.makeRecord(NAME, logging.INFO, __file__, 0, "", (), None))
        finally:
            handler.release()

    def _undisturbed(self) -> bool:
        """Whether a line would go to the handler, there alone, and with no more fields than the prepared ones."""
        logger, root, processors = self._logger, self._root, self._processors
        return (
            logger.isEnabledFor(logging.INFO)
            and len(root.handlers) == 1
            and root.handlers[0] is self._handler
            and not (logger.handlers or logger.filters or self._handler.filters)
            and logger.propagate
            and bool(processors)
            and processors[0] is self._first
            and trace.get_current_span() is trace.INVALID_SPAN
            and not structlog.contextvars.get_contextvars()
        )

    def _is_plain_id(self, request_id: str) -> bool:
        # Those that the server makes; looking for secrets in them would take as long as everything else.
        if _RANDOM_ID.fullmatch(request_id) is not None:
            return self._known.masked(request_id) == request_id
        return self._shows_plainly(request_id)

    def _shows_plainly(self, text: str) -> bool:
        return _PLAIN.fullmatch(text) is not None and masked(self._known.masked(text)) == text

    def _prepared(self, kind: _Kind) -> Callable[[str, float, str], str] | None:
        """Return a function that renders lines of one kind; None if its fields have no place of their own."""
        if len(self._kinds) >= _MAX_KINDS:
            return None
        # Random, so that no client can send one.
        marks = {name: f"{name}{secrets.token_hex(8)}" for name in ("path", "id", "time")}
        line = Context().run(self._rendered, kind, marks)
        order = sorted([*marks.values(), str(_MILLISECONDS)], key=line.find)
        if any(line.count(mark) != 1 for mark in order):
            return None
        template = line.replace("%", "%%")
        for name, mark in marks.items():
            template = template.replace(mark, f"%({name})s")
        template = template.replace(str(_MILLISECONDS), "%(milliseconds)r")

        def render(path: str, milliseconds: float, request_id: str) -> str:
            return template % {"path": path, "id": request_id, "time": _now(), "milliseconds": milliseconds}

        self._kinds[kind] = render
        return render

    def _rendered(self, kind: _Kind, marks: dict[str, str]) -> str:
        self._with_request_id(marks["id"])
        event: Any = {**fields(kind, marks["path"], _MILLISECONDS), "event": "request"}
        for processor in self._shared:
            event = processor(self._logger, "info", event)
        event["time"] = marks["time"]
        record = self._logger.makeRecord(
            NAME, logging.INFO, "", 0, event, (), None, extra={"_logger": self._logger, "_name": "info"}
        )
        return self._handler.format(record) + self._handler.terminator


def fields(kind: _Kind, path: str, milliseconds: float) -> dict[str, object]:
    """Return the fields of a line."""
    method, operation, outcome, reason = kind
    return {
        "method": method,
        "path": path,
        "operation": operation,
        "status" if isinstance(outcome, int) else "code": outcome,
        "milliseconds": milliseconds,
        **({"reason": reason} if reason else {}),
    }


_current: AccessLog | None = None


def use(log: AccessLog | None) -> None:
    """Write further lines to `log`; None leaves them to structlog."""
    global _current  # a process has one configuration of its log, as in `logging`
    if _current is not None:
        _current.flush()
    _current = log


def record(
    method: str,
    path: str,
    operation: str,
    status: int,
    seconds: float,
    request_id: str,
    reason: str = "",
) -> None:
    """Write the line of a request that has been answered; `reason` tells why its caller or token was refused."""
    _record((method, operation, status, reason), path[:_MAX_PATH_CHARACTERS], seconds, request_id)


def record_call(path: str, code: str, seconds: float, request_id: str, reason: str = "") -> None:
    """Write the line of a gRPC call that has been answered; `path` is `/<package>.<Service>/<Method>`."""
    _record((_GRPC, path.rpartition("/")[2], code, reason), path, seconds, request_id)


def _record(kind: _Kind, path: str, seconds: float, request_id: str) -> None:
    milliseconds = round(seconds * 1000, 3)
    if _current is None or not _current.write(kind, path, milliseconds, request_id):
        _LOG.info("request", **fields(kind, path, milliseconds))


_now_prefix = (0, "")
"""A second, and how the time of its lines begins; one object, because several threads write."""


def _now() -> str:
    """Return the time as structlog's `TimeStamper` writes it."""
    global _now_prefix  # most lines share their second
    second, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    known, prefix = _now_prefix
    if second != known:
        prefix = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _now_prefix = second, prefix
    return f"{prefix}.{microseconds:06d}Z" if microseconds else f"{prefix}Z"
