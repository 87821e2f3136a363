"""Tests of logging: one format, with the ids of the request."""

from __future__ import annotations

import io
import json
import logging

import httpx
import pytest
import structlog
from aether_adapters.observability.logging import configure


@pytest.fixture
def lines(own_logging: None) -> io.StringIO:
    """The log as JSON lines."""
    stream = io.StringIO()
    configure("json", "info", stream)
    return stream


def test_our_lines_and_a_librarys_share_format_and_request_id(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger("aether.test").info("made", invoice=7)
        logging.getLogger("uvicorn.error").warning("slow %s", "client")
        logging.getLogger("uvicorn.error").debug("nothing to see")
    ours, theirs = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (ours["event"], ours["invoice"], ours["request_id"], ours["level"]) == ("made", 7, "r-1", "info")
    assert (theirs["event"], theirs["request_id"], theirs["logger"]) == (
        "slow client",
        "r-1",
        "uvicorn.error",
    )
    assert ours["time"].endswith("Z") and ours.keys() - {"invoice"} == theirs.keys()


def test_an_exception_is_logged_as_data(lines: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        structlog.get_logger("aether.test").error("failed", exc_info=error)
    line = json.loads(lines.getvalue())
    assert (line["exception"][0]["exc_type"], line["exception"][0]["exc_value"]) == ("ValueError", "broken")


def test_chatty_library_lines_are_dropped(lines: io.StringIO) -> None:
    """Alembic's plugins, a closed pool, outgoing requests, coloured copies of messages.

    Warnings stay, and DEBUG shows everything.
    """
    import alembic.runtime.plugins  # noqa: F401
    from aether_adapters.sql import connect

    def speak() -> list[str]:
        lines.seek(0)
        lines.truncate()
        logging.getLogger("alembic.runtime.plugins").info("setup plugin")
        connect("sqlite:////tmp/never-opened.db").dispose()
        transport = httpx.MockTransport(lambda _: httpx.Response(200))
        httpx.Client(transport=transport).get("http://provider.example/payments")
        logging.getLogger("alembic.runtime.plugins").warning("broken plugin")
        logging.getLogger("uvicorn.error").info("Started", extra={"color_message": "\x1b[36mStarted"})
        return [json.loads(line)["event"] for line in lines.getvalue().splitlines()]

    assert speak() == ["broken plugin", "Started"]
    assert "color_message" not in lines.getvalue()
    configure("json", "debug", lines)
    said = speak()
    assert any(line.startswith("HTTP Request: GET http://provider.example/payments") for line in said)
    assert said[0] == "setup plugin"
    assert any(event.startswith("Pool disposed") for event in said)


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="no such log level: LOUD"):
        configure("json", "LOUD")
