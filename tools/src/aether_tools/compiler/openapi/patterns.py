"""Checks regular expressions: a service runs them on text that anyone may send."""

from __future__ import annotations

import re
from typing import Final

from jsonschema_rs import Draft4Validator, RegexOptions

from aether_tools.compiler.openapi.document import Findings, Node

_TOKEN: Final = re.compile(
    r"\\(?P<reference>[1-9]|k<)|\\.|\[(?:\\.|[^\]\\])*\]|(?P<look>\(\?<?[=!])|(?P<open>\()|(?P<close>\))"
    r"|(?P<repeat>[*+]|\{\d)|(?P<either>\|)|.",
    re.DOTALL,
)


def check_pattern(node: Node, findings: Findings) -> None:
    """Add a finding for a `pattern` that is none, or whose time grows faster than the text."""
    pattern = str(node.scalar)
    try:
        Draft4Validator({"pattern": pattern})
    except ValueError as error:
        findings.add(
            node,
            "pattern",
            f"{pattern!r} is not a regular expression, or too large: {str(error).splitlines()[0]}.",
            "Write a regular expression by ECMA 262.",
        )
        return
    if not _is_linear(pattern) and not _is_bounded(pattern):
        findings.add(
            node,
            "pattern-time",
            f"{pattern!r} takes time that grows with the square of a text, or faster.",
            "Begin it with ^, without alternatives at the top, and keep lookaround and backreferences out of repeated groups.",
        )


def _is_linear(pattern: str) -> bool:
    """Return whether an automaton can run the pattern, in time proportional to the text."""
    try:
        Draft4Validator({"pattern": pattern}, pattern_options=RegexOptions())
    except ValueError:
        return False
    return True


def _is_bounded(pattern: str) -> bool:
    """Return whether a pattern with lookaround or backreferences is tried at one place only, and repeats neither."""
    if not pattern.startswith("^"):
        return False
    backtracks = [False]
    """For each open group, outermost first, whether it has lookaround or a backreference."""
    closed = False
    """Whether the token before closed a group that has."""
    for token in _TOKEN.finditer(pattern):
        if token["repeat"] and closed:
            return False
        closed = False
        if token["look"]:
            backtracks.append(True)
        elif token["open"]:
            backtracks.append(False)
        elif token["reference"]:
            backtracks[-1] = True
        elif token["close"] and len(backtracks) > 1:
            closed = backtracks.pop()
            backtracks[-1] = backtracks[-1] or closed
        elif token["either"] and len(backtracks) == 1:
            return False
    return True
