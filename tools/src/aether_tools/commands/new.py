"""`aether new`: a domain into this workspace, or a workspace of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aether_tools import scaffold, wheels
from aether_tools.commands.install import install_command
from aether_tools.commands.names import checked_name, checked_type
from aether_tools.console import OK, UNUSABLE, UsageError, say, tell
from aether_tools.workspace import Domain, Workspace


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    name: str
    aggregate: str | None
    plural: str | None
    defaults: bool
    source: str | None
    ref: str | None

    @property
    def ask(self) -> bool:
        """Whether a person is there to answer what the command line left open."""
        return not self.defaults and sys.stdin.isatty() and sys.stdout.isatty()


def new_domain(wish: Wish, path: Path | None, *, install: bool) -> int:
    """Scaffold a domain, make it importable, say what comes next."""
    if path is not None:
        raise UsageError(
            "a path is only for --workspace; a domain goes into domains/ of the workspace you are in."
        )
    name = checked_name(wish.name, "domain")
    workspace = Workspace.find(Path.cwd())
    answers = {"template": "domain", "workspace": workspace.name, "domain": name}
    if wish.aggregate is not None:
        answers["aggregate"] = checked_type(wish.aggregate, "aggregate")
    if wish.plural is not None:
        answers["aggregate_plural"] = checked_type(wish.plural, "plural")
    domain = workspace.domain(name)
    for taken in (
        domain.folder,
        workspace.root / "proto" / workspace.name / name,
        workspace.root / "openapi" / f"{name}.yaml",
    ):
        if taken.exists() or taken.is_symlink():
            raise UsageError(f"{name!r} is taken: {workspace.relative(taken)} exists; choose another name.")
    with scaffold.templates(wish.source, wish.ref, workspace.root) as source:
        made = scaffold.domain_into(workspace.root, source, answers, ask=wish.ask)
    say(f"{name} is made:")
    for unit in made:
        say(f"  {workspace.relative(unit)}{'/' if unit.is_dir() else ''}")
    if install and not _installed(workspace, domain):
        return UNUSABLE
    say("Next:")
    say(
        f"  edit {workspace.relative(workspace.root / 'proto')}/{workspace.name}/{name}/v1/ and openapi/{name}.yaml"
    )
    say("  aether generate")
    say(f"  write the rules in {workspace.relative(domain.source)}/")
    say(f"  aether run {name}")
    return OK


def new_workspace(wish: Wish, path: Path | None) -> int:
    """Make a workspace in a folder of its own."""
    name = checked_name(wish.name, "workspace")
    if wish.aggregate is not None or wish.plural is not None:
        raise UsageError(
            "--aggregate and --plural are for a domain; make the workspace first, then its domains."
        )
    destination = (path or Path(name)).expanduser().absolute().resolve()
    with (
        scaffold.templates(wish.source, wish.ref, destination) as source,
        tempfile.TemporaryDirectory(prefix="aether-wheels-") as collected,
    ):
        where_from = wheels.collect(Path(collected))
        scaffold.workspace_at(
            destination,
            source,
            {"template": "workspace", "workspace": name},
            ask=wish.ask,
            wheels=sorted(Path(collected).iterdir()),
        )
    say(f"The workspace {name} is made in {destination}.")
    say(where_from)
    say("Next:")
    say(f"  cd {destination}")
    say("  make setup && . .venv/bin/activate")
    say("  aether new billing --aggregate Invoice")
    return OK


def _installed(workspace: Workspace, domain: Domain) -> bool:
    command = install_command(workspace, domain)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own argv
    if done.returncode == 0:
        return True
    tell(done.stderr.strip() or done.stdout.strip())
    tell(f"aether: {domain.name} is scaffolded, but not importable yet. Mend what is said above, then run:")
    tell(f"  {' '.join(command)}")
    return False
