"""The command line as Typer sees it. Each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from aether_tools.console import coloured, guarded

app = typer.Typer(
    name="aether",
    help="Contract-first, hexagonal Python services: scaffold, generate, check and run them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Panels are for people; a pipe gets the same words without the boxes.
    rich_markup_mode="rich" if coloured(sys.stdout) and coloured(sys.stderr) else None,
)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
_Domains = Annotated[list[str] | None, typer.Argument(metavar="[DOMAIN]...", help="All domains by default.")]


def run(arguments: list[str]) -> int:
    """Run one command line; gives its exit code."""
    try:
        app(arguments, prog_name="aether")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1
    return 0


def _finish(command: Callable[[], int]) -> None:
    raise typer.Exit(guarded(command))


@app.command()
def new(
    name: Annotated[
        str | None, typer.Argument(metavar="DOMAIN", help="The new domain, such as billing.")
    ] = None,
    path: Annotated[
        Path | None,
        typer.Argument(help="With --workspace: where to make it; by default a folder of that name."),
    ] = None,
    workspace: Annotated[
        bool, typer.Option("--workspace", help="Make a workspace of its own, called so, instead of a domain.")
    ] = False,
    aggregate: Annotated[
        str | None, typer.Option(help="The domain's first aggregate, such as Invoice.")
    ] = None,
    plural: Annotated[str | None, typer.Option(help="Its plural where adding an s is wrong.")] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing.")] = False,
    source: Annotated[
        str | None, typer.Option("--from", metavar="SRC", help="Templates from this folder or git address.")
    ] = None,
    ref: Annotated[str | None, typer.Option(help="With --from: the tag, branch or commit to take.")] = None,
    install: Annotated[
        bool,
        typer.Option("--install/--no-install", help="Make the domain importable in the workspace's Python."),
    ] = True,
) -> None:
    """Scaffold a domain into this workspace, or a workspace of its own."""
    from aether_tools.commands.new import Wish, new_domain, new_workspace

    wish = Wish(name or "", aggregate, plural, defaults, source, ref)
    if workspace:
        _finish(lambda: new_workspace(wish, path))
    else:
        _finish(lambda: new_domain(wish, path, install=install))


@app.command()
def generate(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; find what is not as the contracts say.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Turn the contracts into typed Python: ports, types, REST and gRPC edges."""
    from aether_tools.commands.generate import generate as command

    _finish(lambda: command(check=check, as_json=as_json))


@app.command()
def check(domains: _Domains = None, as_json: _Json = False) -> None:
    """Prove that contracts, code and wiring still say the same thing."""
    from aether_tools.commands.check import check as command

    _finish(lambda: command(tuple(domains or ()), as_json=as_json))


@app.command()
def token(
    subject: Annotated[str, typer.Option(help="Who the token speaks for.")] = "developer",
    role: Annotated[list[str] | None, typer.Option(help="A role the caller has; may be repeated.")] = None,
    service: Annotated[
        bool, typer.Option("--service", help="A token of a service, not of a person.")
    ] = False,
    ttl: Annotated[int, typer.Option(help="How long it is valid, in seconds; at most 24 hours.")] = 3600,
) -> None:
    """Print a bearer token for development, signed with this workspace's own key."""
    from aether_tools.commands.token import token as command

    _finish(lambda: command(subject, tuple(role or ()), service=service, seconds=ttl))


@app.command("run")
def run_(
    domains: _Domains = None,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="REST and gRPC in processes of their own.")
    ] = False,
    services: Annotated[
        bool,
        typer.Option(
            "--services", help="Real servers, from AETHER_MYSQL_URL, AETHER_REDIS_URL and AETHER_KAFKA."
        ),
    ] = False,
    port_base: Annotated[
        int | None,
        typer.Option(
            min=0, max=60000, help="REST ports from here on, gRPC ports 1010 above; 0: any free ones."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where embedded servers keep their data; by default .aether/data.")
    ] = None,
    once_ready: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND", help="Run this when all is ready, stop after it, exit with its code."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line when all is ready; logs go to stderr.")
    ] = False,
) -> None:
    """Run domains with everything they need; Ctrl-C stops it all."""
    from aether_tools.commands.run import Wish
    from aether_tools.commands.run import run as command

    wish = Wish(tuple(domains or ()), gateway, services, port_base, data, once_ready, as_json)
    _finish(lambda: command(wish))
