"""Tests of the access log: the bytes of structlog's chain, in order, none lost."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import threading
from collections.abc import Iterator

import pytest
import structlog
from aether_adapters.observability import access_log
from aether_adapters.observability.log_lines import Format
from aether_adapters.observability.logging import REQUEST_ID, configure
from opentelemetry import trace

_ID = "0123456789abcdef0123456789abcdef"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
_JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, configuration = root.handlers[:], root.level, structlog.get_config()
    request_id = REQUEST_ID.get()
    yield
    REQUEST_ID.set(request_id)
    access_log.use(None)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


def line(stream: io.StringIO) -> str:
    text = stream.getvalue()
    stream.seek(0)
    stream.truncate()
    return _TIME.sub("<time>", text)


def record(
    path: str, request_id: str = _ID, operation: str = "getCourse", seconds: float = 0.0012345
) -> None:
    REQUEST_ID.set(request_id)
    access_log.record("GET", path, operation, 200, seconds, request_id)


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize(
    ("path", "request_id"),
    [
        ("/v1/courses/123", _ID),
        ("/v1/courses/123", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
        ("/v1/courses/12.a_b-c", "a/b.c"),
        ("/v1/courses/%s%(id)s", _ID),
        ('/v1/a"b\\c', _ID),
        ("/v1/a b=c", "a=b:c+d"),
        ("/v1/\x1b[31m\n2026", _ID),
        ("/v1/grüße 🎉", _ID),
        (f"/v1/{_JWT}", _ID),
        (f"/v1/{_JWT}", _JWT),
        ("/v1/passw0rd-of-the-setting", _ID),
        ("/v1/x", "passw0rd-of-the-setting"),
        ("/v1/x", "ab" * 16),
        ("/v1/" + "x" * 5000, _ID),
        ("", ""),
    ],
)
def test_a_line_has_the_bytes_of_structlogs_chain(
    format: Format,  # noqa: A002
    stream: type[io.StringIO],
    path: str,
    request_id: str,
) -> None:
    out = stream()
    configure(format, stream=out, secrets=["passw0rd-of-the-setting", "ab" * 16])
    record(path, request_id)
    prepared = line(out)
    access_log.use(None)
    record(path, request_id)
    assert prepared == line(out)
    assert "passw0rd" not in prepared
    assert "ab" * 16 not in prepared


def test_ordinary_lines_are_prepared() -> None:
    configure("json", stream=io.StringIO())
    log = access_log._current
    assert log is not None
    kind = "GET", "getCourse", 200, ""
    assert log.write(kind, "/v1/courses/123", 1.5, _ID)
    assert log.write(kind, "/v1/courses/123", 1.5, "3f2504e0-4f89-11d3-9a0c-0305e82c3301")
    assert not log.write(kind, f"/v1/{_JWT}", 1.5, _ID)


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_refused_token_and_a_grpc_call_have_the_bytes_of_structlogs_chain(
    format: Format,  # noqa: A002
) -> None:
    configure(format, stream=(out := io.StringIO()))
    lines = []
    for _ in range(2):
        REQUEST_ID.set(_ID)
        access_log.record("GET", "/v1/x", "getX", 401, 0.001, _ID, "The token has expired; get a new one.")
        access_log.record_call("/acme.x.v1.X/Get", "OK", 0.001, _ID)
        lines.append(line(out))
        access_log.use(None)
    assert lines[0] == lines[1]
    assert lines[0].count("The token has expired; get a new one.") == 1
    if format == "json":
        shown = json.loads(lines[0].splitlines()[1])
        assert (shown["method"], shown["operation"], shown["code"]) == ("gRPC", "Get", "OK")


def test_threads_lose_no_line() -> None:
    configure("json", stream=(out := io.StringIO()))

    def calls() -> None:
        for _ in range(500):
            access_log.record_call("/acme.x.v1.X/Get", "OK", 0.001, _ID)

    threads = [threading.Thread(target=calls) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [json.loads(each)["code"] for each in out.getvalue().splitlines()] == ["OK"] * 2000


def test_fields_that_others_add_are_in_the_line() -> None:
    configure("json", stream=(out := io.StringIO()))
    with structlog.contextvars.bound_contextvars(tenant="acme"):
        record("/v1/x")
    assert '"tenant":"acme"' in line(out)
    context = trace.SpanContext(trace_id=7, span_id=9, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(context)):
        record("/v1/x")
    assert '"span_id":"0000000000000009"' in line(out)
    record("/v1/x")
    assert "tenant" not in (last := line(out))
    assert "span_id" not in last


def test_whoever_listens_to_the_log_gets_the_lines_too(caplog: pytest.LogCaptureFixture) -> None:
    configure("json", stream=(out := io.StringIO()))
    record("/v1/x")
    logging.getLogger().addHandler(caplog.handler)
    record("/v1/y")
    assert len(caplog.records) == 1
    assert out.getvalue().count("\n") == 2


def test_a_test_that_captures_structlog_gets_the_lines() -> None:
    configure("json", stream=io.StringIO())
    log = access_log._current
    assert log is not None
    with structlog.testing.capture_logs():
        assert not log.write(("GET", "getCourse", 200, ""), "/v1/courses/123", 1.5, _ID)


def test_a_level_above_info_silences_the_log() -> None:
    configure("json", "WARNING", stream=(out := io.StringIO()))
    record("/v1/x")
    assert out.getvalue() == ""


def test_lines_of_one_turn_of_the_loop_are_written_together_and_none_is_lost_at_its_end() -> None:
    class Counting(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            return super().write(text)

    async def one(number: int) -> None:
        record(f"/v1/{number}")

    async def many() -> None:
        await asyncio.gather(*(one(number) for number in range(100)))

    configure("json", stream=(out := Counting()))
    asyncio.run(many())
    assert re.findall(r'"/v1/(\d+)"', out.getvalue()) == [str(number) for number in range(100)]
    assert out.writes <= 3


def test_a_stream_that_fails_loses_its_lines_but_no_request(capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    configure("json", stream=Full())
    record("/v1/x")
    assert "a log line of aether.access" in capsys.readouterr().err
