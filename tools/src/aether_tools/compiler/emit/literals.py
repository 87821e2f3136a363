"""The only writer of text from contracts into Python: literals, f-strings and docstrings.

Contract text is hostile until it has passed through here: what comes out is one token of the same value, whatever
quotes, backslashes, line ends or control characters it has. Quotes are those that `ruff format` prefers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

_INNER: Final = "'"
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def literal(value: object) -> str:
    """Write a value of JSON as a Python expression. Raises `TypeError` for any other value."""
    match value:
        case str():
            return _quoted(value)
        case None | bool() | int():
            return repr(value)
        case float():
            return _number(value)
        case Mapping():
            entries = (f"{literal(key)}: {literal(item)}" for key, item in value.items())
            return f"{{{', '.join(entries)}}}"
        case Sequence() if not isinstance(value, bytes):
            return f"[{', '.join(map(literal, value))}]"
        case _:
            raise TypeError(f"{type(value).__name__} is not a value of JSON")


def bytes_literal(text: str) -> str:
    """Write ASCII text as a bytes literal. Raises `ValueError` for other text."""
    if not text.isascii():
        raise ValueError("bytes literals hold ASCII only")
    return f"b{_quoted(text)}"


def f_string(pieces: Iterable[str | Code]) -> str:
    """Write an f-string of text and expressions. An expression may have strings in single quotes, and no backslash."""
    pieces = tuple(pieces)
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    quote = _quote(text)
    other = "'" if quote == '"' else '"'
    written = (
        f"{{{piece.expression.replace(_INNER, other)}}}"
        if isinstance(piece, Code)
        else escaped(piece, quote).replace("{", "{{").replace("}", "}}")
        for piece in pieces
    )
    return f"f{quote}{''.join(written)}{quote}"


class Code:
    """An expression inside an f-string."""

    __slots__ = ("expression",)

    def __init__(self, expression: str) -> None:
        self.expression = expression


def docstring(indent: int, text: str) -> list[str]:
    """Write a comment of a contract as a docstring, without its surrounding white space. Empty for an empty comment."""
    text = text.strip()
    if not text:
        return []
    margin = " " * indent
    lines = [escaped(line.rstrip(" "), "").replace('"""', '\\"\\"\\"') for line in text.split("\n")]
    if lines[0].startswith('"'):
        lines[0] = f" {lines[0]}"
    if len(lines) == 1:
        guard = " " if lines[0].endswith('"') and not lines[0].endswith('\\"\\"\\"') else ""
        return [f'{margin}"""{lines[0]}{guard}"""']
    body = [f"{margin}{line}" if line else "" for line in lines[1:]]
    return [f'{margin}"""{lines[0]}', *body, f'{margin}"""']


def escaped(text: str, quote: str) -> str:
    """Escape backslashes, the quote and every character that cannot be seen, such as those that change direction."""
    return "".join(_escape(character, quote) for character in text)


def _escape(character: str, quote: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character == quote:
        return f"\\{quote}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _quoted(text: str) -> str:
    quote = _quote(text)
    return f"{quote}{escaped(text, quote)}{quote}"


def _quote(text: str) -> str:
    return "'" if text.count('"') > text.count("'") else '"'


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        raise TypeError(f"{value} is not a value of JSON")
    return repr(value)
