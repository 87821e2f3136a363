"""Runs the checks of what contracts alone can show."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aether_tools.check.cache import as_data, as_findings
from aether_tools.check.contracts.rules import SWITCHABLE
from aether_tools.check.operations.errors import Promise
from aether_tools.console import UsageError
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace, toml_table

if TYPE_CHECKING:
    from aether_tools.compiler.compilation import Compiled


@dataclass(frozen=True, slots=True)
class Checked:
    """What the contracts of all domains have shown: findings, and what each operation promises."""

    findings: tuple[Finding, ...] = ()
    promises: tuple[Promise, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        promises = [
            (*astuple(each)[:3], sorted(each.statuses), astuple(each.location)) for each in self.promises
        ]
        return {"findings": as_data(self.findings), "promises": promises}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Checked:
        """Return what `as_data` made its data of."""
        promises = (
            Promise(domain, method, name, frozenset(statuses), Location(*place))
            for domain, method, name, statuses, place in data["promises"]
        )
        return cls(tuple(as_findings(data["findings"])), tuple(promises))


def check_contracts(workspace: Workspace, domains: tuple[Domain, ...]) -> Checked:
    """Return what the contracts of `domains` show, as `check_all` and `chosen` do together."""
    return chosen(workspace, domains, check_all(workspace))


def check_all(workspace: Workspace, compiled: Compiled | None = None) -> Checked:
    """Return what all contracts show. Skip contracts that do not compile; the compiler reports them.

    `compiled` is what the compiler has just made of them, if it has.
    """
    from aether_tools.check.contracts.contract_source import compiled_contracts, read_contracts
    from aether_tools.check.contracts.examples import check_examples
    from aether_tools.check.contracts.limits import check_limits
    from aether_tools.check.contracts.promises import check_promises, promises
    from aether_tools.check.contracts.quality import check_quality
    from aether_tools.check.contracts.references import check_references

    if compiled is not None:
        contracts = compiled_contracts(compiled)
    else:
        contracts = read_contracts(workspace.root, workspace.name)
    rules = (check_limits, check_examples, check_promises, check_references, check_quality)
    findings = set(chain.from_iterable(rule(contract) for contract in contracts for rule in rules))
    return Checked(tuple(sorted(findings)), tuple(chain.from_iterable(map(promises, contracts))))


def chosen(workspace: Workspace, domains: tuple[Domain, ...], checked: Checked) -> Checked:
    """Return the part that is about `domains`, without the rules that they or the workspace switch off.

    Raises `UsageError` if `[tool.aether.check] off` is not a table of rules and reasons.
    """
    off = {domain.name: _off(workspace, domain) for domain in domains}
    off["common"] = _off(workspace, workspace.domain("common"))
    findings = (
        finding
        for finding in checked.findings
        if finding.code not in off.get(_domain(finding.location.file), {finding.code})
    )
    return Checked(tuple(findings), checked.promises)


def _domain(file: str) -> str:
    """Return the domain of a contract: openapi/<domain>.yaml or proto/<workspace>/<domain>/v1/<file>."""
    parts = Path(file).parts
    return Path(parts[1]).stem if parts[0] == "openapi" else parts[2]


def _off(workspace: Workspace, domain: Domain) -> set[str]:
    """Return the rules that the workspace or the domain has switched off."""
    off: set[str] = set()
    for folder in (workspace.root, domain.folder):
        file = folder / "pyproject.toml"
        rules = (toml_table(file, "tool", "aether", "check") or {}).get("off", {})
        where = f"{workspace.relative(file)}: off in [tool.aether.check]"
        if not isinstance(rules, dict):
            raise UsageError(f'{where} must be a table, such as off = {{ quality-paging = "<reason>" }}.')
        for rule, reason in rules.items():
            if rule not in SWITCHABLE:
                raise UsageError(f"{where} names {rule!r}, which is none of: {', '.join(SWITCHABLE)}.")
            if not isinstance(reason, str) or not reason.strip():
                raise UsageError(f'{where} gives no reason for {rule}. Write {rule} = "<reason>".')
        off.update(rules)
    return off
