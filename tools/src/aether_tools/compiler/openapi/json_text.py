"""Turns a JSON document into YAML of the same value.

JSON is almost a subset of YAML: libyaml refuses surrogate pairs, tabs between tokens, and the control characters
that JSON allows unescaped. A team that renames its openapi.json meets all three.
"""

from __future__ import annotations

import json
import re
from typing import Final

_PAIR: Final = re.compile(
    r"(?P<before>(?<!\\)(?:\\\\)*)\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
)
_UNLIKE_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufffe\uffff]")
"""Characters of JSON strings that YAML refuses or takes for line ends. Source: https://yaml.org/spec/1.1/#c-printable"""


def is_json(text: str) -> bool:
    """Return whether a text is a JSON object."""
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):  # YAML in flow style, or so deep that the YAML reader refuses it too
        return False
    return True


def as_yaml(text: str) -> str:
    """Return a JSON text as YAML. Lines stay the same; columns change only after a character that is rewritten."""
    text = _PAIR.sub(_joined, text)
    return _UNLIKE_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).replace("\t", " ")


def _joined(pair: re.Match[str]) -> str:
    code = 0x10000 + ((int(pair["high"], 16) - 0xD800) << 10) + (int(pair["low"], 16) - 0xDC00)
    return f"{pair['before']}\\U{code:08X}"
