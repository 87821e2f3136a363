"""Development settings and companions of a domain: `aether run` passes the settings, and runs the companions."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aether_adapters.testing.waiting import eventually
from aether_tools.runner.ports import HOST

from .conftest import RunWorkspace, alive

MAILBOX = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"pid": os.getpid(), "database": os.environ["BILLING_DATABASE_URL"]}).encode())

    def log_message(self, *_):
        pass

print("mailbox listens", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
DECLARED = """
[tool.aether.development.settings]
BILLING_MAIL_SECRET = "for development only"

[tool.aether.development.companions.mailbox]
command = "python -m acme_billing.mailbox {port}"
port = PORT
settings = { BILLING_MAIL_URL = "{url}/mail" }
"""


@pytest.fixture
def port() -> int:
    """A free port for the companion."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def declared(workspace: RunWorkspace, port: int) -> RunWorkspace:
    """The workspace, with a mailbox as companion of billing."""
    folder = workspace.root / "domains/billing"
    (folder / "src/acme_billing/mailbox.py").write_text(MAILBOX)
    (folder / "pyproject.toml").write_text(DECLARED.replace("PORT", str(port)))
    return workspace


def ask(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return dict(json.load(answer))


def test_a_companion_runs_with_its_domain_and_stops_with_it(declared: RunWorkspace) -> None:
    with declared.running() as run:
        billing, trade = run.where["domains"]["billing"], run.where["domains"]["trade"]
        assert list(billing["companions"]) == ["billing-mailbox"]
        assert trade["companions"] == {}
        url = billing["companions"]["billing-mailbox"]
        settings = ask(run.rest())["settings"]
        assert settings["BILLING_MAIL_URL"] == f"{url}/mail"
        assert settings["BILLING_MAIL_SECRET"] == "for development only"
        mailbox = ask(url)
        assert mailbox["database"] == settings["BILLING_DATABASE_URL"]
        assert run.stop() == 0
        assert not alive(mailbox["pid"])
    assert "billing-mailbox | mailbox listens\n" in run.log.read_text()


def test_both_processes_of_a_gateway_get_the_companions_address(declared: RunWorkspace) -> None:
    with declared.running("billing", "--gateway") as run:
        url = run.where["domains"]["billing"]["companions"]["billing-mailbox"]
        assert ask(run.rest())["settings"]["BILLING_MAIL_URL"] == f"{url}/mail"
        (rpc,) = [pid for pid in run.children if b"\0migrate\0" in _file(pid, "cmdline")]
        assert f"\0BILLING_MAIL_URL={url}/mail\0".encode() in b"\0" + _file(rpc, "environ")


def test_a_companion_listens_on_its_declared_port_if_that_is_free(declared: RunWorkspace, port: int) -> None:
    def row() -> list[str]:
        """Return the companion's row of the printed table."""
        ran = declared.aether("billing", "--port-base", "20000", "--once-ready", "true")
        lines = ran.stdout.splitlines()
        title = next(at for at, line in enumerate(lines) if line.startswith("Ready; Ctrl-C"))
        return lines[title + 3].split()

    assert row() == ["billing-mailbox", f"http://{HOST}:{port}"]
    with socket.create_server((HOST, port)):
        name, url = row()
    assert name == "billing-mailbox"
    assert urlsplit(url).port != port


def test_the_environment_overrides_what_a_domain_declares(declared: RunWorkspace) -> None:
    own = {"BILLING_MAIL_URL": "https://sandbox.example", "BILLING_MAIL_SECRET": "mine"}
    with declared.running("billing", **own) as run:
        assert own.items() <= ask(run.rest())["settings"].items()
        assert run.where["domains"]["billing"]["companions"] == {}


def test_a_companion_that_dies_ends_the_run(declared: RunWorkspace) -> None:
    with declared.running("billing") as run:
        mailbox = ask(run.where["domains"]["billing"]["companions"]["billing-mailbox"])["pid"]
        os.kill(mailbox, signal.SIGKILL)
        assert run.process.wait(60) == 1
        assert "aether: billing-mailbox ended with code -9" in run.log.read_text()
        eventually(lambda: not any(alive(pid) for pid in run.children))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.aether.development.companions]\nmailbox = 8025\n", "a companion in"),
        ("[tool.aether.development.companions.mailbox]\ncommand = 'x'\nport = 0\n", "a companion in"),
        (
            "[tool.aether.development]\nsettings = { BILLING_SIZE = 3 }\n",
            "each value in [tool.aether.development] settings must be a string",
        ),
    ],
)
def test_an_invalid_declaration_is_reported_in_one_line(
    workspace: RunWorkspace, text: str, message: str
) -> None:
    (workspace.root / "domains/billing/pyproject.toml").write_text(text)
    ran = workspace.aether("billing")
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert message in ran.stderr


def test_the_workspace_is_found_from_the_folder_of_a_domain_that_declares_settings(
    declared: RunWorkspace,
) -> None:
    inside = RunWorkspace(declared.root / "domains/billing", declared.environment)
    assert inside.aether("nobody").stderr.startswith("aether: no domain named nobody in this workspace")


def _file(pid: int, name: str) -> bytes:
    return (Path("/proc") / str(pid) / name).read_bytes()
