"""Masks secrets in text that is about to be shown: passwords in URLs, tokens, keys, and values quoted by databases.

`masked_url` masks what is known to be a URL; `masked` finds secrets in any text, such as a log line or the message of a
library's exception. Both may mask too much, but stay readable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

MASK: Final = "***"
"""What is shown instead of a secret."""

_SHORTEST_KNOWN: Final = 6
"""Characters; a shorter secret would mask parts of ordinary words wherever they occur."""

# Every pattern takes linear time, because a client may have chosen the text: what repeats is bounded or consumed. They
# are matched against the text in lower case; the group `v` is what is masked.
_NAME: Final = (
    r"(?:passw|pwd|secret|credential|(?<=api[_-])key|(?<=api)key|(?<=private[_-])key|(?<!page)(?<!page[_-])token)"
    r"[\w-]{0,20}"
)
_URL: Final = re.compile(r"(?<=[a-z0-9]):/{1,2}(?P<v>[^\s'\"<>\\]+)")
_QUERY: Final = re.compile(rf"[?&;](?:[\w.-]{{0,20}}?{_NAME}|signature|sig)=(?P<v>[^&;\s'\"<>#\\]+)")
_TEXT: Final = (
    # RFC 6750 and RFC 7617.
    ("earer", re.compile(r"bearer\s{1,3}(?P<v>[a-z0-9._~+/=-]{8,})")),
    ("asic", re.compile(r"authorization.{0,8}?basic\s{1,3}(?P<v>[a-z0-9+/=]+)")),
    # A JSON Web Token, or the beginning of one: base64url of `{"`.
    ("eyj", re.compile(r"(?P<v>eyj[a-z0-9_-]{6,}(?:\.[a-z0-9_-]*)*)")),
    ("private", re.compile(r"-----begin [a-z ]{0,20}private key-----(?P<v>[\s\S]*?)(?=-----end|\Z)")),
    # MySQL and MariaDB quote what was written: errors 1062, 1366, 1292, 1064.
    (
        "duplicate entry",
        re.compile(r"duplicate entry (?P<v>[\s\S]{0,300}?)(?= for key |duplicate entry |\Z)"),
    ),
    ("incorrect", re.compile(r"incorrect [\w ]{1,30}value: (?P<v>[\s\S]{0,300}?)(?= for |incorrect |\"|\Z)")),
    (
        "syntax to use",
        re.compile(r"right syntax to use near (?P<v>[\s\S]{0,300}?)(?= at line |right syntax |\Z)"),
    ),
    # A host that holds an @ ends in the rest of a password that was not encoded (PyMySQL's error 2003).
    ("server on '", re.compile(r"server on '(?P<v>[^'@]{0,300}@[^']{0,300})")),
    # pydantic repeats what it refuses.
    ("input_value", re.compile(r"input_value=(?P<v>[\s\S]{0,300}?)(?=, input_type=|input_value=|\Z)")),
    # Redis repeats the arguments of a command that it does not know.
    ("with args", re.compile(r"with args beginning with: (?P<v>[^\"\n]*)")),
)
"""Patterns, each after a text without which it finds nothing: looking for that takes a fraction of a microsecond."""
_NAMED: Final = (
    # name='value', "name": "value", name=b"value"; also with the quotes escaped, as inside a JSON string.
    re.compile(
        rf"""{_NAME}\\?["']?\s{{0,3}}[=:]\s{{0,3}}b?(?P<o>\\?["'])(?P<v>(?:(?!(?P=o))[\s\S]){{0,500}})"""
    ),
    # name=value
    re.compile(rf"""{_NAME}(?:\\?["'])?\s{{0,3}}=\s{{0,3}}(?P<v>[^\s,;&)\]}}"'\\]+)"""),
)
_NAMES: Final = ("passw", "pwd", "secret", "credential", "key", "token")
_WHOLE_NAME: Final = re.compile(rf"{_NAME}\Z")


def masked_url(url: str) -> str:
    """Return one URL, or several with spaces between, without passwords: in front of the host and in the query."""
    return _covered(url, _in_urls(url.lower()))


def passwords_in(url: str) -> list[str]:
    """Return the secrets that `masked_url` masks, as they are written in the URL."""
    return [url[start:end] for start, end in _in_urls(url.lower())]


def masked(text: str) -> str:
    """Return the text with every secret masked that can be recognised by its form or by the name before it.

    A secret whose end is missing reaches to the end of the text, so that whoever writes half a secret hides what follows:
    mask each value by itself, not the line or the document it stands in.
    """
    lower = text.lower()
    if len(lower) != len(text):  # a letter such as I with a dot, which lower case makes two of
        text = lower
    spans = _in_urls(lower) if ":/" in lower else []
    for hint, pattern in _TEXT:
        if hint in lower:
            spans.extend(found.span("v") for found in pattern.finditer(lower))
    for name in _NAMES:
        if name in lower:
            for pattern in _NAMED:
                spans.extend(found.span("v") for found in pattern.finditer(lower))
            break
    return _covered(text, spans) if spans else text


@lru_cache(maxsize=1024)
def names_secret(name: str) -> bool:
    """Whether what has this name is a secret, such as `refresh_token`."""
    lower = name.lower()
    return any(each in lower for each in _NAMES) and _WHOLE_NAME.search(lower) is not None


def _covered(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if start > at or not parts:  # else it continues the one before
            parts += (text[at:start], MASK)
        at = max(at, end)
    return "".join((*parts, text[at:]))


def _in_urls(lower: str) -> list[tuple[int, int]]:
    """Return where secrets are in the URLs of a text."""
    spans = [found.span("v") for found in _QUERY.finditer(lower)]
    for found in _URL.finditer(lower):
        rest = found["v"]
        end = _authority_end(rest)
        if end > 0:
            # Without a colon the whole may be a token, as in https://token@host.
            start = rest.find(":", 0, end) + 1
            spans.append((found.start("v") + start, found.start("v") + end))
    return spans


def _authority_end(rest: str) -> int:
    """Return where the user and password end in what follows `scheme://`, or -1 if there is neither."""
    authority = _AUTHORITY.match(rest)
    assert authority is not None  # noqa: S101 # it matches the empty text too
    if "@" in authority[0]:
        return authority[0].rindex("@")
    # SQLAlchemy takes a password with a slash that is not encoded; a port has digits only.
    _, colon, port = authority[0].rpartition(":")
    return rest.rfind("@") if colon and not port.isdigit() else -1


_AUTHORITY: Final = re.compile(r"[^/?#]*")


class Known:
    """Secrets whose values are known, such as those of a process's own settings: masked in whatever form they appear."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        """Values under 6 characters are left out, because they occur in ordinary words."""
        forms = {
            form
            for value in values
            for raw in (value, unquote(value))
            for form in (raw, quote(raw, safe=""), json.dumps(raw)[1:-1], repr(raw)[1:-1])
        }
        self._forms = tuple(
            sorted((form for form in forms if len(form) >= _SHORTEST_KNOWN), key=len, reverse=True)
        )

    def masked(self, text: str) -> str:
        """Return the text with every known value masked."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text
