"""`aether new`: scaffolds a domain in this workspace, or a new workspace."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aether_tools import scaffold, wheels
from aether_tools.commands.install import install_command
from aether_tools.commands.names import checked_name, checked_type
from aether_tools.console import FAILED, OK, UsageError, print_error, print_line
from aether_tools.workspace import Domain, Workspace


@dataclass(frozen=True, slots=True)
class NewOptions:
    """Options of the command."""

    name: str
    aggregate: str | None
    plural: str | None
    defaults: bool
    source: str | None
    ref: str | None

    @property
    def ask(self) -> bool:
        """Whether to ask for missing answers: a person is at the terminal and did not give --defaults."""
        return not self.defaults and sys.stdin.isatty() and sys.stdout.isatty()


def new_domain(options: NewOptions, path: Path | None, *, install: bool) -> int:
    """Scaffold a domain, install it and print the next steps. Return the exit code."""
    if path is not None:
        raise UsageError(
            "PATH is only valid with --workspace; a domain is created in domains/ of the current workspace."
        )
    name = checked_name(options.name, "domain")
    workspace = Workspace.find(Path.cwd())
    answers = {"template": "domain", "workspace": workspace.name, "domain": name}
    if options.aggregate is not None:
        answers["aggregate"] = checked_type(options.aggregate, "aggregate")
    if options.plural is not None:
        answers["aggregate_plural"] = checked_type(options.plural, "plural")
    domain = workspace.domain(name)
    for taken in (
        domain.folder,
        workspace.root / "proto" / workspace.name / name,
        workspace.root / "openapi" / f"{name}.yaml",
    ):
        if taken.exists() or taken.is_symlink():
            raise UsageError(f"{name!r} is taken: {workspace.relative(taken)} exists; choose another name.")
    with scaffold.templates(options.source, options.ref, workspace.root) as source:
        made = scaffold.domain_into(workspace.root, source, answers, ask=options.ask)
    print_line(f"Created the domain {name}:")
    for unit in made:
        print_line(f"  {workspace.relative(unit)}{'/' if unit.is_dir() else ''}")
    if install and not _install(workspace, domain):
        return FAILED
    print_line("Next:")
    print_line(
        f"  edit {workspace.relative(workspace.root / 'proto')}/{workspace.name}/{name}/v1/ and openapi/{name}.yaml"
    )
    print_line("  aether generate")
    print_line(f"  write the rules in {workspace.relative(domain.source)}/")
    print_line(f"  aether run {name}")
    return OK


def new_workspace(options: NewOptions, path: Path | None) -> int:
    """Scaffold a workspace in a new or empty folder. Return the exit code."""
    name = checked_name(options.name, "workspace")
    if options.aggregate is not None or options.plural is not None:
        raise UsageError(
            "--aggregate and --plural are only valid for a domain; create the workspace first, then its domains."
        )
    destination = (path or Path(name)).expanduser().absolute().resolve()
    with (
        scaffold.templates(options.source, options.ref, destination) as source,
        tempfile.TemporaryDirectory(prefix="aether-wheels-") as collected,
    ):
        wheels_source = wheels.collect(Path(collected))
        scaffold.workspace_at(
            destination,
            source,
            {"template": "workspace", "workspace": name},
            ask=options.ask,
            wheels=sorted(Path(collected).iterdir()),
        )
    print_line(f"Created the workspace {name} in {destination}.")
    print_line(wheels_source)
    print_line("Next:")
    print_line(f"  cd {destination}")
    print_line("  make setup && . .venv/bin/activate")
    print_line("  aether new billing --aggregate Invoice")
    return OK


def _install(workspace: Workspace, domain: Domain) -> bool:
    command = install_command(workspace, domain)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own argv
    if done.returncode == 0:
        return True
    print_error(done.stderr.strip() or done.stdout.strip())
    print_error(f"aether: created {domain.name}, but could not install it. Fix the error above, then run:")
    print_error(f"  {' '.join(command)}")
    return False
