"""The form of what `aether explain` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code. `wrong` and `right` are the text of `file`, or of the part of it that matters.

    It is relative to the package of a domain, for migrations to the domain's folder, for contracts to the workspace.
    """

    what: str
    why: str
    file: str
    wrong: str
    right: str
