"""Typer application: the commands of `aether`, their options and help. Each command imports its code when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from aether_tools.console import coloured, guarded
from aether_tools.report_formats import Format

app = typer.Typer(
    name="aether",
    help="Contract-first, hexagonal Python services: scaffold, generate, check and run them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Boxes only at a terminal; a pipe gets the same text without them.
    rich_markup_mode="rich" if coloured(sys.stdout) and coloured(sys.stderr) else None,
)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
_Domains = Annotated[list[str] | None, typer.Argument(metavar="[DOMAIN]...", help="All domains by default.")]


def run_command_line(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        app(arguments, prog_name="aether")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1
    return 0


def _finish(command: Callable[[], int], *, as_json: bool = False) -> None:
    raise typer.Exit(guarded(command, as_json=as_json))


@app.command()
def new(
    name: Annotated[
        str | None, typer.Argument(metavar="DOMAIN", help="The new domain, such as billing.")
    ] = None,
    path: Annotated[
        Path | None,
        typer.Argument(help="With --workspace: the folder to create; by default one with that name."),
    ] = None,
    workspace: Annotated[
        bool, typer.Option("--workspace", help="Create a workspace with that name instead of a domain.")
    ] = False,
    aggregate: Annotated[
        str | None, typer.Option(help="The domain's first aggregate, such as Invoice.")
    ] = None,
    plural: Annotated[
        str | None, typer.Option(help="The aggregate's plural, if adding an s is wrong.")
    ] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Use defaults and ask no questions.")] = False,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="SRC", help="Use the templates in this folder or git repository."),
    ] = None,
    ref: Annotated[str | None, typer.Option(help="With --from: the tag, branch or commit to use.")] = None,
    install: Annotated[
        bool,
        typer.Option("--install/--no-install", help="Install the domain in the workspace's Python."),
    ] = True,
) -> None:
    """Scaffold a domain in this workspace, or a new workspace."""
    from aether_tools.commands.new import NewOptions, new_domain, new_workspace

    options = NewOptions(name or "", aggregate, plural, defaults, source, ref)
    if workspace:
        _finish(lambda: new_workspace(options, path))
    else:
        _finish(lambda: new_domain(options, path, install=install))


@app.command()
def generate(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; report files that differ from the contracts.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Generate typed Python from the contracts: ports, types, REST and gRPC edges."""
    from aether_tools.commands.generate import generate as command

    _finish(lambda: command(check=check, as_json=as_json), as_json=as_json)


@app.command()
def check(
    domains: _Domains = None,
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="How to print findings; under GitHub Actions, text annotates lines too."
        ),
    ] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    show_all: Annotated[
        bool, typer.Option("--all", help="Print every finding as text, not only the first 10 of each code.")
    ] = False,
    event_map: Annotated[
        bool,
        typer.Option("--map", help="Check nothing; print every event, who publishes it and who hears it."),
    ] = False,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="First write what follows from the rest alone: a use case's skeleton, its wiring."
        ),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="REF", help="Also compare the contracts with those of this branch, tag or commit."
        ),
    ] = None,
) -> None:
    """Check that contracts, code and wiring match."""
    from aether_tools.commands.check import Against, show_map
    from aether_tools.commands.check import check as command

    form = Format.JSON if as_json else form
    as_json = form is Format.JSON
    if event_map:
        _finish(lambda: show_map(as_json=as_json), as_json=as_json)
    else:
        compared = None if against is None else Against(against, show_all)
        chosen = tuple(domains or ())
        _finish(
            lambda: command(chosen, form=form, show_all=show_all, fix=fix, against=compared), as_json=as_json
        )


@app.command()
def breaking(
    old: Annotated[Path, typer.Argument(help="An OpenAPI document, or a folder with proto files.")],
    new: Annotated[Path, typer.Argument(help="The same one later.")],
    form: Annotated[Format, typer.Option("--format", help="How to print the changes.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Print safe changes too.")] = False,
) -> None:
    """Compare two versions of a contract: which changes break clients, and which are risky or safe."""
    from aether_tools.commands.breaking import breaking as command

    form = Format.JSON if as_json else form
    _finish(lambda: command(old, new, form=form, everything=everything), as_json=form is Format.JSON)


@app.command()
def explain(
    code: Annotated[str, typer.Argument(help="The code of a finding, such as effect-use.")],
) -> None:
    """Explain the code of a finding, with an example that is wrong and one that is right."""
    from aether_tools.commands.explain import explain as command

    _finish(lambda: command(code))


@app.command()
def settings(
    domains: _Domains = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a Markdown table for each domain.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Print every environment variable of the domains: default, type, secret, who needs it, what it is for."""
    from aether_tools.commands.settings import settings as command

    _finish(lambda: command(tuple(domains or ()), as_json=as_json, markdown=markdown))


@app.command()
def token(
    subject: Annotated[str, typer.Option(help="The token's subject.")] = "developer",
    role: Annotated[list[str] | None, typer.Option(help="A role of the subject; may be repeated.")] = None,
    service: Annotated[
        bool, typer.Option("--service", help="Issue the token to a service instead of a user.")
    ] = False,
    ttl: Annotated[int, typer.Option(help="Lifetime of the token in seconds; at most 24 hours.")] = 3600,
) -> None:
    """Print a bearer token for development, signed with this workspace's key."""
    from aether_tools.commands.token import token as command

    _finish(lambda: command(subject, tuple(role or ()), service=service, seconds=ttl))


@app.command()
def run(
    domains: _Domains = None,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="Run REST and gRPC in separate processes.")
    ] = False,
    services: Annotated[
        bool,
        typer.Option(
            "--services", help="Use the servers in AETHER_MYSQL_URL, AETHER_REDIS_URL and AETHER_KAFKA."
        ),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that serve each port; one by default.")
    ] = None,
    port_base: Annotated[
        int | None,
        typer.Option(
            min=0, max=60000, help="First REST port; gRPC ports are 1010 higher. 0: any free ports."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Data folder of the embedded servers; by default .aether/data.")
    ] = None,
    once_ready: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND", help="Run a command when all is ready, then stop and exit with its code."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON when all is ready; log to stderr.")
    ] = False,
) -> None:
    """Run domains with the servers that they need. Ctrl-C stops everything."""
    from aether_tools.commands.run import RunOptions
    from aether_tools.commands.run import run as command

    options = RunOptions(
        tuple(domains or ()), gateway, services, workers, port_base, data, once_ready, as_json
    )
    _finish(lambda: command(options))
