"""`aether run`: starts everything, shows all output and leaves no process behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aether_adapters.testing.waiting import eventually

from .conftest import AETHER, RunWorkspace, alive

HOST = "127.0.0.1"


def ask(url: str, path: str = "/") -> dict[str, Any]:
    with urllib.request.urlopen(url + path, timeout=5) as answer:
        return dict(json.load(answer))


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def ports_of(where: dict[str, Any]) -> list[int]:
    urls = [where["redis"], f"//{where['kafka']}"]
    for domain in where["domains"].values():
        urls += [domain["rest"], f"//{domain['grpc']}"]
    return [port for port in (urlsplit(url).port for url in urls) if port is not None]


KEY_FILES = ("jwks.json", "private.pem", "services/jwks.json", "services/private.pem")


def jwks(workspace: RunWorkspace) -> str:
    """Return the setting that trusts the development keys: one for users and one for services."""
    keys = f"{workspace.root}/.aether/keys"
    return f"{keys}/jwks.json {keys}/services/jwks.json#services=*"


def test_every_domain_runs_all_roles_with_its_settings(workspace: RunWorkspace) -> None:
    with workspace.running() as run:
        assert list(run.where["domains"]) == ["billing", "trade"]
        assert all(listening(port) for port in ports_of(run.where))
        billing = ask(run.rest())
        assert billing["roles"] == ["migrate", "api", "rpc", "worker"]
        assert billing["settings"] == {
            "BILLING_DATABASE_URL": f"sqlite:///{workspace.root}/.aether/data/billing.db",
            "BILLING_REDIS_URL": run.where["redis"],
            "BILLING_KAFKA_BOOTSTRAP": run.where["kafka"],
            "BILLING_REST_HOST": HOST,
            "BILLING_REST_PORT": str(urlsplit(run.rest()).port),
            "BILLING_GRPC_HOST": HOST,
            "BILLING_GRPC_PORT": run.where["domains"]["billing"]["grpc"].partition(":")[2],
            "BILLING_JWKS": jwks(workspace),
            "BILLING_SERVICE_KEY": f"{workspace.root}/.aether/keys/services/private.pem",
            "BILLING_TOKEN_ISSUER": "aether-development",
            "BILLING_TOKEN_AUDIENCE": "acme",
            "BILLING_TOKEN_LIFE_SECONDS": "86400",
            "BILLING_LOG_FORMAT": "console",
            "BILLING_DRAIN_SECONDS": "0",
            "BILLING_TRADE_TARGET": run.where["domains"]["trade"]["grpc"],
            # A domain that calls no other would refuse to start with a setting that it does not have.
            "BILLING_FOREIGN_VARIABLES": "BILLING_TRADE_TARGET",
        }
        assert all((workspace.root / f".aether/keys/{name}").is_file() for name in KEY_FILES)


def test_a_domain_that_signs_in_users_is_trusted_by_the_others(workspace: RunWorkspace) -> None:
    settings = workspace.root / "pyproject.toml"
    settings.write_text(settings.read_text() + 'key_sets = { trade = "/keys", nobody = "/keys" }\n')
    with workspace.running() as run:
        own = jwks(workspace)
        assert ask(run.rest())["settings"]["BILLING_JWKS"] == f"{own} {run.rest('trade')}/keys"
        assert ask(run.rest("trade"))["settings"]["TRADE_JWKS"] == own


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_no_process_port_or_temporary_file(workspace: RunWorkspace, number: int) -> None:
    temporary = workspace.root / "tmp"
    temporary.mkdir()
    with workspace.running("billing", TMPDIR=str(temporary)) as run:
        assert len(run.children) >= 4  # Redis with its parent, Kafka, billing
        assert run.stop(number) == 0
        assert not any(alive(pid) for pid in run.children)
        assert not any(listening(port) for port in ports_of(run.where))
    assert list(temporary.iterdir()) == []
    assert "billing | asked to stop" in run.log.read_text()


def test_a_killed_run_leaves_no_process(workspace: RunWorkspace) -> None:
    with workspace.running() as run:
        run.process.kill()
        run.process.wait()
        eventually(lambda: not any(alive(pid) for pid in run.children))
        eventually(lambda: not any(listening(port) for port in ports_of(run.where)))


def test_a_gateway_runs_two_processes_for_each_domain(workspace: RunWorkspace) -> None:
    with workspace.running("billing", "--gateway") as run:
        api = ask(run.rest())
        assert api["roles"] == ["api"]
        assert api["settings"]["BILLING_RPC_TARGET"] == run.where["domains"]["billing"]["grpc"]
        log = run.log.read_text()
        assert "billing-rpc | roles migrate rpc worker\n" in log
        assert "billing-api | roles api\n" in log


def test_a_domain_that_ends_stops_the_run_and_its_last_output_is_shown(workspace: RunWorkspace) -> None:
    with workspace.running() as run:
        with pytest.raises(OSError):
            ask(run.rest(), "/crash")
        assert run.process.wait(60) == 1
        assert run.log.read_text().endswith(
            "aether: billing ended with code 7; stopped everything.\n"
            "  roles migrate api rpc worker\n  about to crash\n"
        )
        assert not any(alive(pid) for pid in run.children)


@pytest.mark.parametrize("path", ["/", "/crash"])
def test_processes_that_a_domain_started_are_stopped_too(workspace: RunWorkspace, path: str) -> None:
    with workspace.running("billing", BILLING_BEHAVE="litter") as run:
        litter = [pid for pid in run.children if b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(litter) == 1
        with contextlib.suppress(OSError):
            ask(run.rest(), path)
        run.process.terminate()
        run.process.wait(60)
        assert not any(alive(pid) for pid in litter)


def test_a_server_that_ends_stops_the_run(workspace: RunWorkspace) -> None:
    with workspace.running("billing") as run:
        kafka = next(pid for pid in run.children if b"\0kafka\0" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(kafka, signal.SIGKILL)
        assert run.process.wait(60) == 1
        assert "aether: kafka ended with code -9" in run.log.read_text()


def test_a_failed_migration_is_reported_with_its_output(workspace: RunWorkspace) -> None:
    ran = workspace.aether("billing", BILLING_BEHAVE="broken migration")
    assert ran.returncode == 1
    assert "aether: billing ended with code 1; stopped everything.\n" in ran.stderr
    assert ran.stderr.endswith("  table is already there\n")


def test_a_domain_that_is_not_installed_is_reported_with_the_command_to_run(workspace: RunWorkspace) -> None:
    ran = workspace.aether("billing", PYTHONPATH="")
    assert ran.returncode == 1
    assert f"--editable {workspace.root}/domains/billing\n" in ran.stderr


def test_a_second_signal_kills_a_process_that_ignores_the_first(workspace: RunWorkspace) -> None:
    with workspace.running("billing", BILLING_BEHAVE="stubborn") as run:
        began = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        eventually(lambda: "asked to stop" in run.log.read_text())
        assert run.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 8  # the grace is 10 s
        assert not any(alive(pid) for pid in run.children)
        assert "billing | did not stop in time: killed" in run.log.read_text()


def test_a_second_run_needs_another_data_folder(workspace: RunWorkspace) -> None:
    with workspace.running("billing"):
        ran = workspace.aether("billing")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "another `aether run` uses" in ran.stderr
        ran = workspace.aether("billing", "--port-base", "0", "--data", "elsewhere", "--once-ready", "true")
        assert ran.returncode == 0, ran.stderr


def test_once_ready_runs_a_command_and_exits_with_its_code(workspace: RunWorkspace) -> None:
    ran = workspace.aether("billing", "--port-base", "0", "--once-ready", "echo $AETHER_READY; exit 3")
    assert ran.returncode == 3
    assert 'once-ready | {"ready": true, "domains": {"billing": ' in ran.stdout


def test_a_pipe_gets_the_table_and_the_log_as_plain_text(workspace: RunWorkspace) -> None:
    ran = workspace.aether("billing", "--port-base", "0", "--once-ready", "true")
    lines = ran.stdout.splitlines()
    assert "\x1b" not in ran.stdout
    assert "billing | roles migrate api rpc worker" in lines
    at = next(at for at, line in enumerate(lines) if line.startswith("Ready; Ctrl-C stops everything."))
    assert lines[at + 1].split() == ["domain", "REST", "docs", "gRPC"]
    name, rest, docs, _ = lines[at + 2].split()
    assert (name, docs) == ("billing", f"{rest}/docs")


def test_ports_are_the_same_in_each_run_if_they_are_free(workspace: RunWorkspace) -> None:
    base = _free_range()
    with socket.create_server((HOST, base)):
        ran = workspace.aether("--port-base", str(base), "--once-ready", "echo $AETHER_READY")
    announcement = ran.stdout.partition("once-ready | ")[2].splitlines()[0]
    domains = json.loads(announcement)["domains"]
    assert domains["billing"]["rest"] != f"http://{HOST}:{base}"  # taken by another process
    assert domains["trade"]["rest"] == f"http://{HOST}:{base + 1}"
    assert domains["billing"]["grpc"] == f"{HOST}:{base + 1010}"
    assert domains["trade"]["grpc"] == f"{HOST}:{base + 1011}"


def _free_range() -> int:
    """Return a base whose ports are free at the moment."""
    for base in range(20_000, 30_000, 17):
        if not any(listening(port) for port in (base, base + 1, base + 1010, base + 1011)):
            return base
    raise AssertionError("no free ports")


def test_a_run_whose_log_has_no_reader_stops_cleanly(workspace: RunWorkspace) -> None:
    process = subprocess.Popen(
        [AETHER, "run", "billing", "--port-base", "0"],
        cwd=workspace.root,
        env=workspace.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        while not process.stdout.readline().startswith("domain"):
            assert process.poll() is None
        process.stdout.close()
        process.send_signal(signal.SIGINT)
        assert (process.wait(60), process.stderr.read()) == (0, "")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_missing_variables_of_services_are_named(workspace: RunWorkspace) -> None:
    ran = workspace.aether("--services", AETHER_REDIS_URL="redis://127.0.0.1:1/0")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "AETHER_MYSQL_URL" in ran.stderr
    assert "AETHER_KAFKA" in ran.stderr
    assert "AETHER_REDIS_URL" not in ran.stderr


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "sqlite:///x.db",
        "mysql+pymysql://root:secret@127.0.0.1:1",
        "mysql+pymysql://root:a@secret@127.0.0.1:1",
    ],
)
def test_an_unusable_database_server_is_reported_in_one_line_without_its_password(
    workspace: RunWorkspace, url: str
) -> None:
    ran = workspace.aether("--services", AETHER_MYSQL_URL=url, AETHER_REDIS_URL="redis://x", AETHER_KAFKA="x")
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert "AETHER_MYSQL_URL" in ran.stderr
    assert "secret" not in ran.stderr
