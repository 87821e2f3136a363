"""Checks names that become part of HTTP messages: paths and headers."""

from __future__ import annotations

import re
from typing import Final

from aether_tools.compiler.openapi.document import Findings, Node
from aether_tools.finding import Location

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PATH: Final = re.compile(r"(?:[^{}\s?#\\]|\{[^{}/]+\})+")


def check_path(path: str, at: Location, findings: Findings) -> None:
    """Add a finding for a path that no request can have."""
    if not path.startswith("/"):
        findings.add(at, "path", f"Path {path!r} does not begin with /.", "Add the leading /.")
    elif not _PATH.fullmatch(path) or not path.isprintable():
        findings.add(
            at,
            "path",
            f"Path {path!r} has a character that no request's path has, or a brace without its partner.",
            "Write parameters as {name}, declare query parameters, and percent-encode other characters.",
        )


def check_header_name(name: str, at: Node | Location, findings: Findings) -> None:
    """Add a finding for a name that no header can have."""
    if not _TOKEN.fullmatch(name):
        findings.add(
            at,
            "header",
            f"{name!r} cannot name a header (RFC 9110, section 5.6.2).",
            "Use letters, digits and hyphens.",
        )
