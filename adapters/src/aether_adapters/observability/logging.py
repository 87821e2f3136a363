"""Structured logging: one format for our lines and those of every library that uses `logging`.

A line is at most 64 kB, holds no local variable, and shows no secret that can be recognised or that `configure` knows.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterable
from contextvars import ContextVar
from logging.handlers import WatchedFileHandler
from types import TracebackType
from typing import IO, Any, Final

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from aether_adapters.kernel.masking import Known
from aether_adapters.observability import access_log
from aether_adapters.observability.log_lines import Format, rendering

REQUEST_ID: Final[ContextVar[str]] = ContextVar("aether_request_id", default="")
"""Id of the request being served; a server sets it, and every log line of the request carries it.

A variable of our own, because binding one in structlog takes as long as parsing the request's JSON.
"""

AUDIT: Final = "aether.audit"
"""The logger of operators' acts; see `configure_audit`."""

_CHATTY: Final = (
    # One line for each of its plugins, at every migration.
    "alembic.runtime.plugins",
    # One line when a migration closes its connections.
    "aether_adapters.sql.engine._DeadlinePool",
    # One line for each outgoing request; callers log failures themselves.
    "httpx",
    # The path of the contract's server.
    "connexion.middleware.swagger_ui",
)
"""Loggers whose INFO lines do not help operators; DEBUG shows them."""


def configure(
    format: Format = "console",  # noqa: A002
    level: str = "INFO",
    stream: IO[str] | None = None,
    *,
    secrets: Iterable[str] = (),
) -> None:
    """Send the log lines of this process from `level` on to `stream` (default: standard error), in `format`.

    A line carries time (UTC), level, logger, request id and the ids of the current trace. `secrets` are values that no
    line shows. Exceptions that nobody catches are logged too, instead of being printed by Python. Raises `ValueError` for
    an unknown level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"no such log level: {level}")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _Discreet(stream or sys.stderr)
    colours = (stream or sys.stderr).isatty()
    known = Known(secrets)
    handler.setFormatter(_formatter(format, colours=colours, known=known))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(
            logging.NOTSET if number <= logging.DEBUG else max(number, logging.WARNING)
        )
    access_log.use(access_log.AccessLog(handler, known, _SHARED, REQUEST_ID.set))
    _log_uncaught()


def configure_audit(to: str, *, secrets: Iterable[str] = ()) -> None:
    """Send the audit log to `to`: stdout, stderr, or the path of a file; as JSON, whatever the level of the other lines.

    The file is opened again after it was moved away, as logrotate does. Raises `OSError` if it cannot be opened.
    """
    standard = to in ("stdout", "stderr")
    handler: logging.StreamHandler[Any] = _Discreet(getattr(sys, to)) if standard else _File(to)
    handler.setFormatter(_formatter("json", colours=False, known=Known(secrets)))
    log = logging.getLogger(AUDIT)
    for before in log.handlers:
        before.close()
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


class _Discreet(logging.StreamHandler[Any]):
    """Reports a line that cannot be written without its arguments, which `logging` would print."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 # the name is the base class's
        fault = sys.exc_info()[1]
        place = f"{record.name} at {record.pathname}:{record.lineno}"
        for stream in (self.stream, sys.stderr):
            try:
                stream.write(f"a log line of {place} could not be written: {type(fault).__qualname__}\n")
            except (OSError, ValueError):
                continue  # full or closed; the next one may take it
            return


class _File(_Discreet, WatchedFileHandler):
    """A file that only its owner may read."""

    def _open(self) -> Any:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        return open(self.baseFilename, "a", encoding="utf-8", opener=private)


def _log_uncaught() -> None:
    """Log exceptions that end the process, a thread or a finaliser; Python would print them unmasked."""
    log = structlog.get_logger("aether.uncaught")

    def process(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, traceback)
        else:
            log.critical("the process ends with an error", exc_info=error)

    def thread(fault: threading.ExceptHookArgs) -> None:
        if fault.exc_value is not None and not isinstance(fault.exc_value, SystemExit):
            name = fault.thread.name if fault.thread else ""
            log.error("a thread ended with an error", thread=name, exc_info=fault.exc_value)

    def finaliser(fault: sys.UnraisableHookArgs) -> None:
        log.error("an error was ignored", where=fault.err_msg or "", exc_info=fault.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = process, thread, finaliser


def add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the id of the request being served; a structlog processor that `configure` includes."""
    request_id = REQUEST_ID.get()
    if request_id:
        event.setdefault("request_id", request_id)
    return event


def _drop_colours(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop the copy of each message that uvicorn adds for its own terminal formatter."""
    event.pop("color_message", None)
    return event


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


_SHARED: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    add_request_id,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _add_trace,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
)


def _formatter(
    format: Format,  # noqa: A002
    *,
    colours: bool,
    known: Known,
) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder(), _drop_colours],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *rendering(format, known, colours=colours),
        ],
    )
