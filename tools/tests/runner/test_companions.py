"""What a domain declares for development: its settings are told, its companions run beside it and stop with the rest."""

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
from aether_tools.runner.ports import HOST

from .conftest import Ground, alive, eventually

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
    """One that is free, for the companion."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def declared(ground: Ground, port: int) -> Ground:
    """The workspace whose billing has a mailbox beside it."""
    folder = ground.root / "domains/billing"
    (folder / "src/acme_billing/mailbox.py").write_text(MAILBOX)
    (folder / "pyproject.toml").write_text(DECLARED.replace("PORT", str(port)))
    return ground


def ask(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return dict(json.load(answer))


def test_a_companion_is_told_and_shown_and_stops_with_the_rest(declared: Ground) -> None:
    with declared.running() as run:
        billing, trade = run.where["domains"]["billing"], run.where["domains"]["trade"]
        assert list(billing["companions"]) == ["billing-mailbox"]
        assert trade["companions"] == {}
        url = billing["companions"]["billing-mailbox"]
        told = ask(run.rest())["settings"]
        assert told["BILLING_MAIL_URL"] == f"{url}/mail"
        assert told["BILLING_MAIL_SECRET"] == "for development only"
        mailbox = ask(url)
        assert mailbox["database"] == told["BILLING_DATABASE_URL"]
        assert run.stop() == 0
        assert not alive(mailbox["pid"])
    assert "billing-mailbox | mailbox listens\n" in run.log.read_text()


def test_both_processes_behind_a_gateway_know_the_companion(declared: Ground) -> None:
    with declared.running("billing", "--gateway") as run:
        url = run.where["domains"]["billing"]["companions"]["billing-mailbox"]
        assert ask(run.rest())["settings"]["BILLING_MAIL_URL"] == f"{url}/mail"
        (rpc,) = [pid for pid in run.children if b"\0migrate\0" in _file(pid, "cmdline")]
        assert f"\0BILLING_MAIL_URL={url}/mail\0".encode() in b"\0" + _file(rpc, "environ")


def test_a_companion_has_its_own_port_where_that_is_free(declared: Ground, port: int) -> None:
    def row() -> list[str]:
        """The companion's row of the table."""
        ran = declared.aether("billing", "--port-base", "20000", "--once-ready", "true")
        lines = ran.stdout.splitlines()
        title = next(at for at, line in enumerate(lines) if line.startswith("Ready; Ctrl-C"))
        return lines[title + 3].split()

    assert row() == ["billing-mailbox", f"http://{HOST}:{port}"]
    with socket.create_server((HOST, port)):
        name, url = row()
    assert name == "billing-mailbox"
    assert urlsplit(url).port != port


def test_what_a_person_has_set_goes_before_what_a_domain_declares(declared: Ground) -> None:
    own = {"BILLING_MAIL_URL": "https://sandbox.example", "BILLING_MAIL_SECRET": "mine"}
    with declared.running("billing", **own) as run:
        assert own.items() <= ask(run.rest())["settings"].items()
        assert run.where["domains"]["billing"]["companions"] == {}


def test_a_companion_that_dies_ends_the_run(declared: Ground) -> None:
    with declared.running("billing") as run:
        mailbox = ask(run.where["domains"]["billing"]["companions"]["billing-mailbox"])["pid"]
        os.kill(mailbox, signal.SIGKILL)
        assert run.process.wait(20) == 1
        assert "aether: billing-mailbox ended with code -9" in run.log.read_text()
        assert eventually(lambda: not any(alive(pid) for pid in run.children))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.aether.development.companions]\nmailbox = 8025\n", "a companion in"),
        ("[tool.aether.development.companions.mailbox]\ncommand = 'x'\nport = 0\n", "a companion in"),
        (
            "[tool.aether.development]\nsettings = { BILLING_SIZE = 3 }\n",
            "settings gives each variable a text",
        ),
    ],
)
def test_a_declaration_that_cannot_be_understood_is_a_sentence(ground: Ground, text: str, said: str) -> None:
    (ground.root / "domains/billing/pyproject.toml").write_text(text)
    ran = ground.aether("billing")
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert said in ran.stderr


def test_the_workspace_is_found_from_a_domain_that_declares_something(declared: Ground) -> None:
    inside = Ground(declared.root / "domains/billing", declared.environment)
    assert inside.aether("nobody").stderr.startswith("aether: no domain is called nobody here")


def _file(pid: int, name: str) -> bytes:
    return (Path("/proc") / str(pid) / name).read_bytes()
