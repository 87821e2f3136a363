"""`aether check --against`: how the contracts of a workspace changed since a git ref, without what is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aether_tools.breaking.accept import accepted, apply
from aether_tools.breaking.rules import RULES
from aether_tools.breaking.workspace import compare_with, domain_of
from aether_tools.commands.breaking import counted, unreadable
from aether_tools.finding import ContractError, Finding, Severity
from aether_tools.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Changes:
    """What is printed of the changes: their findings, a sentence that counts all of them, and what codes mean."""

    findings: tuple[Finding, ...] = ()
    sentence: str = ""

    @property
    def rules(self) -> dict[str, str]:
        """What the codes of OpenAPI mean."""
        return {code: rule.what.capitalize() for code, rule in RULES.items()}


def changes_since(
    workspace: Workspace, names: tuple[str, ...], ref: str, compiled: Sequence[Finding], *, everything: bool
) -> Changes:
    """Return the changes of the domains called `names` (all if empty); safe ones are printed if `everything`.

    Raises `UsageError` if contracts cannot be compared, unless `compiled`, the compiler's findings, say why.
    """
    today = datetime.now(UTC).date()
    entries = accepted(workspace.root)
    try:
        found = compare_with(workspace.root, ref, today)
    except ContractError as error:
        if {each.location.file for each in compiled} & {each.location.file for each in error.findings}:
            return Changes()
        raise unreadable(error) from error
    chosen = [each for each in found if not names or domain_of(each, workspace.name) in {*names, None}]
    changes, count = apply(chosen, entries, today)
    shown = (each for each in changes if everything or each.severity is not Severity.SAFE)
    kept = f", {count} accepted" if count else ""
    return Changes(tuple(shown), f"Contracts against {ref}: {counted(changes)}{kept}.")
