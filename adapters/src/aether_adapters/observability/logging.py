"""Structured logging: one format for our lines and those of every library that uses `logging`."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import IO, Any, Final, Literal

import orjson
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

Format = Literal["console", "json"]

REQUEST_ID: Final[ContextVar[str]] = ContextVar("aether_request_id", default="")
"""Id of the request being served; a server sets it, and every log line of the request carries it.

A variable of our own, because binding one in structlog takes as long as parsing the request's JSON.
"""


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


def configure(format: Format = "console", level: str = "INFO", stream: IO[str] | None = None) -> None:  # noqa: A002
    """Send the log lines of this process from `level` on to `stream` (default: standard error), in `format`.

    A line carries time (UTC), level, logger, request id and the ids of the current trace. Raises `ValueError`
    for an unknown level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"no such log level: {level}")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        add_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _drop_colours],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(format, stream or sys.stderr),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(
            logging.NOTSET if number <= logging.DEBUG else max(number, logging.WARNING)
        )


def _rendering(format: Format, stream: IO[str]) -> list[Processor]:  # noqa: A002
    if format == "json":
        return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(_dumps)]
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), timestamp_key="time")]


def _dumps(value: Any, **options: Any) -> str:
    return orjson.dumps(value, default=options.get("default", repr)).decode("utf-8")


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
