"""Tests of logging: one format, with the ids of the request."""

from __future__ import annotations

import io
import json
import logging
import threading

import httpx
import pytest
import structlog
from aether_adapters.observability.log_lines import Format
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


def test_no_line_is_longer_than_64_kb_whatever_is_logged(own_logging: None) -> None:
    for wanted in ("console", "json"):
        stream = io.StringIO()
        configure(wanted, "info", stream)
        log = structlog.get_logger("aether.test")
        log.info("\u4f60" * 1_000_000, **{f"key{n}": "\u4f60" * 10_000 for n in range(30)})
        log.info("odd", lone="\ud800", large=1 << 100, nested=[[[[["x" * 100_000]]]]])
        lines = stream.getvalue().splitlines()
        assert len(lines) == 2 and all(len(line.encode()) <= 64 * 1024 for line in lines)
        assert wanted == "console" or all(json.loads(line) for line in lines)


def test_a_client_can_neither_forge_a_line_nor_steer_the_terminal(own_logging: None) -> None:
    stream = io.StringIO()
    configure("console", "info", stream)
    hostile = "/x\n2026-01-01 [info] forged\x1b[2J\u202e"
    structlog.get_logger("aether.test").info("request", path=hostile)
    logging.getLogger("uvicorn.error").warning("bad path %s", hostile)
    try:
        raise ValueError(hostile)
    except ValueError as error:
        structlog.get_logger("aether.test").error("failed", exc_info=error)
    said = stream.getvalue()
    assert "\n2026-01-01" not in said and "\x1b" not in said and "\u202e" not in said
    assert said.count("forged") == 3


def test_known_secrets_are_masked_in_every_form(own_logging: None) -> None:
    stream = io.StringIO()
    configure("json", "info", stream, secrets=['p%40ss "word', "short"])
    structlog.get_logger("aether.test").info("connecting", to='p@ss "word', raw='p%40ss "word', other="short")
    line = json.loads(stream.getvalue())
    assert (line["to"], line["raw"], line["other"]) == ("***", "***", "short")


@pytest.mark.parametrize(
    "half",
    [
        "password='",
        'token="',
        "-----BEGIN PRIVATE KEY-----",
        "Duplicate entry x",
        "input_value=1",
        "right syntax to use near x",
        "incorrect integer value: x",
    ],
)
@pytest.mark.parametrize("form", ["json", "console"])
def test_half_a_secret_hides_nothing_but_itself(form: Format, half: str, own_logging: None) -> None:
    """A client that sends it must not take the fields that follow out of the log."""
    stream = io.StringIO()
    configure(form, "info", stream)
    log = structlog.get_logger("aether.test")
    log.info("act", request={"reason": half}, outcome="done", last="seen")
    log.info(half, outcome="done", last="seen")
    lines = stream.getvalue().splitlines()
    if form == "json":
        assert [json.loads(line)["last"] for line in lines] == ["seen", "seen"]
    assert len(lines) == 2 and all("done" in line and "seen" in line for line in lines)


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_secret_is_known_by_its_name_and_masked_before_it_is_cut(form: Format, own_logging: None) -> None:
    stream = io.StringIO()
    configure(form, "info", stream, secrets=["hunter2-known"])
    log = structlog.get_logger("aether.test")
    log.info(
        "named", refresh_token="hunter2", details={"password": "hunter2", "list": [{"secret": ["hunter2"]}]}
    )
    for characters in (495, 995, 8 * 1024 - 8):
        url = f"{'x' * characters} mysql://ann:hunter2@db/x"
        log.info(url, each=[url], known=f"{'x' * characters}hunter2-known")
        log.error("failed", exc_info=ValueError(url), cause=ValueError(url))
    assert "hunter" not in stream.getvalue()


def test_a_line_that_cannot_be_written_does_not_show_its_arguments(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    record = logging.LogRecord(
        "library", logging.INFO, "library.py", 7, "takes two: %s %s", ("hunter2",), None
    )
    logging.getLogger().handlers[0].handle(record)  # not through pytest's own handlers, which raise
    assert "could not be written: TypeError" in lines.getvalue()
    assert "hunter2" not in lines.getvalue() + "".join(capsys.readouterr())


def test_an_error_that_nobody_catches_is_logged(lines: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError("mysql://ann:hunter2@db/x is away")

    thread = threading.Thread(target=fail, name="lost")
    thread.start()
    thread.join()
    line = json.loads(lines.getvalue())
    assert (line["thread"], line["exception"][0]["exc_value"]) == ("lost", "mysql://ann:***@db/x is away")


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
