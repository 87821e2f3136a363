"""Searches what processes have logged for every password, token and secret that the tests used with them.

A `Watch` notes the secrets of each HTTP exchange and of the environment of each process, and the files that processes
write to; at the end it looks for the ones in the others.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from aether_adapters.kernel.masking import masked, names_secret, passwords_in

_SECRET_NAME: Final = re.compile(r"password|secret|(access|refresh)_?token", re.IGNORECASE)
_SHORTEST: Final = 8
"""Characters; a shorter value occurs in ordinary words."""
_SHORTEST_TOKEN: Final = 16
"""Characters; a shorter one is made up by a test, such as "expired"."""
_MOST_JSON_BYTES: Final = 64 * 1024

PIPED: Final[list[list[str]]] = []
"""The lines of processes whose log a test reads from a pipe; whoever reads one adds its list."""


class Watch:
    """Notes secrets and logs while it is installed."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self.logs: set[Path] = set()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Watch httpx and subprocess until `patch` is undone."""
        start, send = subprocess.Popen.__init__, httpx.Client.send

        def started(process: Any, *arguments: Any, **options: Any) -> None:
            for stream in (options.get("stdout"), options.get("stderr")):
                name = getattr(stream, "name", None)
                if isinstance(name, str):
                    self.logs.add(Path(name))
            self.note_environment(options.get("env") or {})
            start(process, *arguments, **options)

        def sent(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
            token = request.headers.get("authorization", "").partition(" ")[2]
            if len(token) >= _SHORTEST_TOKEN:
                self.note(token)
            response = send(client, request, **options)
            for message in (request, response):
                if isinstance(message, httpx.Response) and not message.is_stream_consumed:
                    continue
                self.note_json(getattr(message, "_content", b""))
            return response

        patch.setattr(subprocess.Popen, "__init__", started)
        patch.setattr(httpx.Client, "send", sent)

    def note(self, secret: str) -> None:
        """Remember a secret, unless it is too short to be told from a word."""
        if len(secret) >= _SHORTEST:
            self.secrets.add(secret)

    def note_environment(self, variables: Mapping[str, str]) -> None:
        """Remember the secrets among environment variables: by name, and passwords in URLs."""
        for name, value in variables.items():
            if _SECRET_NAME.search(name) and not Path(value).exists():
                for each in _texts(_parsed(value.encode()) or value):
                    self.note(each)
            elif name.endswith("_URL"):
                for each in passwords_in(value):
                    self.note(each)

    def note_json(self, body: bytes) -> None:
        """Remember the secrets in a body, by the names of their fields."""
        if len(body) < _MOST_JSON_BYTES and (b"oken" in body or b"assword" in body or b"ecret" in body):
            for name, value in _fields(_parsed(body)):
                if _SECRET_NAME.search(name):
                    self.note(value)

    def found(self) -> list[str]:
        """Return each line of a log that shows a secret, with the secret cut short."""
        files = [log for log in sorted(self.logs) if log.is_file()]
        texts = [(str(log), log.read_text(errors="replace").splitlines()) for log in files]
        piped = [("aether run", lines) for lines in PIPED]
        return [said for name, lines in (*texts, *piped) for said in self._found_in(name, lines)]

    def _found_in(self, log: str, lines: Iterable[str]) -> Iterator[str]:
        """Yield what one log shows: a noted secret, or something that has the form of one."""
        for number, line in enumerate(lines, 1):
            shown = next((secret for secret in self.secrets if secret in line), None)
            if shown is not None:
                yield f"{log}:{number} shows {shown[:3]}... ({len(shown)} characters)"
            elif "***" not in line and _has_form_of_secret(line):  # what was masked may be masked further
                yield f"{log}:{number} shows what has the form of a secret: {masked(line)[:200]}"


def _has_form_of_secret(line: str) -> bool:
    """Look at each value of a line of JSON by itself, as the log does: half a secret reaches to the end of its text."""
    parsed = _parsed(line.encode())
    if not isinstance(parsed, dict):
        return masked(line) != line
    named = any(names_secret(name) for name, _ in _fields(parsed))
    return named or any(masked(text) != text for text in _values(parsed))


def _values(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _values(each)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _fields(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            if isinstance(each, str):
                yield name, each
            else:
                yield from _fields(each)
    elif isinstance(value, list):
        for each in value:
            yield from _fields(each)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
