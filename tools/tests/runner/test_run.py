"""`aether run`: everything up, everything seen, everything gone."""

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

from .conftest import AETHER, Ground, alive, eventually

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


def test_every_domain_is_up_with_all_roles_and_its_settings(ground: Ground) -> None:
    with ground.running() as run:
        assert list(run.where["domains"]) == ["billing", "trade"]
        assert all(listening(port) for port in ports_of(run.where))
        billing = ask(run.rest())
        assert billing["roles"] == ["migrate", "api", "rpc", "worker"]
        assert billing["settings"] == {
            "BILLING_DATABASE_URL": f"sqlite:///{ground.root}/.aether/data/billing.db",
            "BILLING_REDIS_URL": run.where["redis"],
            "BILLING_KAFKA_BOOTSTRAP": run.where["kafka"],
            "BILLING_REST_HOST": HOST,
            "BILLING_REST_PORT": str(urlsplit(run.rest()).port),
            "BILLING_GRPC_HOST": HOST,
            "BILLING_GRPC_PORT": run.where["domains"]["billing"]["grpc"].partition(":")[2],
            "BILLING_JWKS": f"{ground.root}/.aether/keys/jwks.json",
            "BILLING_SERVICE_KEY": f"{ground.root}/.aether/keys/private.pem",
            "BILLING_TOKEN_ISSUER": "aether-development",
            "BILLING_TOKEN_AUDIENCE": "acme",
            "BILLING_LOG_FORMAT": "console",
            "BILLING_TRADE_TARGET": run.where["domains"]["trade"]["grpc"],
        }
        assert (ground.root / ".aether/keys/jwks.json").is_file()


def test_who_signs_in_users_is_trusted_by_all_others(ground: Ground) -> None:
    settings = ground.root / "pyproject.toml"
    settings.write_text(settings.read_text() + 'key_sets = { trade = "/keys", nobody = "/keys" }\n')
    with ground.running() as run:
        own = f"{ground.root}/.aether/keys/jwks.json"
        assert ask(run.rest())["settings"]["BILLING_JWKS"] == f"{own} {run.rest('trade')}/keys"
        assert ask(run.rest("trade"))["settings"]["TRADE_JWKS"] == own


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_clean(ground: Ground, number: int) -> None:
    temporary = ground.root / "tmp"
    temporary.mkdir()
    with ground.running("billing", TMPDIR=str(temporary)) as run:
        assert len(run.children) >= 4  # Redis with its parent, Kafka, billing
        assert run.stop(number) == 0
        assert not any(alive(pid) for pid in run.children)
        assert not any(listening(port) for port in ports_of(run.where))
    assert list(temporary.iterdir()) == []
    assert "billing | asked to stop" in run.log.read_text()


def test_even_when_it_is_killed_no_process_is_left(ground: Ground) -> None:
    with ground.running() as run:
        run.process.kill()
        run.process.wait()
        assert eventually(lambda: not any(alive(pid) for pid in run.children))
        assert not any(listening(port) for port in ports_of(run.where))


def test_a_gateway_has_two_processes_for_a_domain(ground: Ground) -> None:
    with ground.running("billing", "--gateway") as run:
        api = ask(run.rest())
        assert api["roles"] == ["api"]
        assert api["settings"]["BILLING_RPC_TARGET"] == run.where["domains"]["billing"]["grpc"]
        log = run.log.read_text()
        assert "billing-rpc | roles migrate rpc worker\n" in log
        assert "billing-api | roles api\n" in log


def test_a_child_that_dies_ends_the_run_with_its_last_words(ground: Ground) -> None:
    with ground.running() as run:
        with pytest.raises(OSError):
            ask(run.rest(), "/crash")
        assert run.process.wait(20) == 1
        assert run.log.read_text().endswith(
            "aether: billing ended with code 7; everything is stopped.\n"
            "  roles migrate api rpc worker\n  about to crash\n"
        )
        assert not any(alive(pid) for pid in run.children)


@pytest.mark.parametrize("path", ["/", "/crash"])
def test_what_a_domain_started_and_left_running_is_gone_too(ground: Ground, path: str) -> None:
    with ground.running("billing", BILLING_BEHAVE="litter") as run:
        litter = [pid for pid in run.children if b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(litter) == 1
        with contextlib.suppress(OSError):
            ask(run.rest(), path)
        run.process.terminate()
        run.process.wait(20)
        assert not any(alive(pid) for pid in litter)


def test_a_server_that_dies_ends_the_run_too(ground: Ground) -> None:
    with ground.running("billing") as run:
        kafka = next(pid for pid in run.children if b"\0kafka\0" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(kafka, signal.SIGKILL)
        assert run.process.wait(20) == 1
        assert "aether: kafka ended with code -9" in run.log.read_text()


def test_a_migration_that_fails_is_told_with_its_reason(ground: Ground) -> None:
    ran = ground.aether("billing", BILLING_BEHAVE="broken migration")
    assert ran.returncode == 1
    assert "aether: billing ended with code 1; everything is stopped.\n" in ran.stderr
    assert ran.stderr.endswith("  table is already there\n")


def test_a_domain_that_is_not_installed_is_told_how_to_be(ground: Ground) -> None:
    ran = ground.aether("billing", PYTHONPATH="")
    assert ran.returncode == 1
    assert f"--editable {ground.root}/domains/billing\n" in ran.stderr


def test_a_second_signal_does_not_wait_for_a_stubborn_process(ground: Ground) -> None:
    with ground.running("billing", BILLING_BEHAVE="stubborn") as run:
        began = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        assert eventually(lambda: "asked to stop" in run.log.read_text())
        assert run.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 8  # the grace is 10 s
        assert not any(alive(pid) for pid in run.children)
        assert "billing | did not stop in time: killed" in run.log.read_text()


def test_a_second_run_on_the_same_data_is_refused_and_one_on_its_own_is_not(ground: Ground) -> None:
    with ground.running("billing"):
        ran = ground.aether("billing")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "another `aether run` uses" in ran.stderr
        ran = ground.aether("billing", "--port-base", "0", "--data", "elsewhere", "--once-ready", "true")
        assert ran.returncode == 0, ran.stderr


def test_a_command_runs_when_all_is_ready_and_its_code_is_the_runs(ground: Ground) -> None:
    ran = ground.aether("billing", "--port-base", "0", "--once-ready", "echo $AETHER_READY; exit 3")
    assert ran.returncode == 3
    assert 'once-ready | {"ready": true, "domains": {"billing": ' in ran.stdout


def test_a_pipe_gets_a_plain_table_and_a_plain_log(ground: Ground) -> None:
    ran = ground.aether("billing", "--port-base", "0", "--once-ready", "true")
    lines = ran.stdout.splitlines()
    assert "\x1b" not in ran.stdout
    assert "billing | roles migrate api rpc worker" in lines
    at = next(at for at, line in enumerate(lines) if line.startswith("Ready; Ctrl-C stops everything."))
    assert lines[at + 1].split() == ["domain", "REST", "docs", "gRPC"]
    name, rest, docs, _ = lines[at + 2].split()
    assert (name, docs) == ("billing", f"{rest}/docs")


def test_ports_are_the_same_each_time_where_they_are_free(ground: Ground) -> None:
    base = _free_range()
    with socket.create_server((HOST, base)):
        ran = ground.aether("--port-base", str(base), "--once-ready", "echo $AETHER_READY")
    words = ran.stdout.partition("once-ready | ")[2].splitlines()[0]
    domains = json.loads(words)["domains"]
    assert domains["billing"]["rest"] != f"http://{HOST}:{base}"  # somebody else's
    assert domains["trade"]["rest"] == f"http://{HOST}:{base + 1}"
    assert domains["billing"]["grpc"] == f"{HOST}:{base + 1010}"
    assert domains["trade"]["grpc"] == f"{HOST}:{base + 1011}"


def _free_range() -> int:
    """A base whose ports nobody uses at this moment."""
    for base in range(20_000, 30_000, 17):
        if not any(listening(port) for port in (base, base + 1, base + 1010, base + 1011)):
            return base
    raise AssertionError("no free ports")


def test_a_log_nobody_reads_leaves_no_process_behind(ground: Ground) -> None:
    process = subprocess.Popen(
        [AETHER, "run", "billing", "--port-base", "0"],
        cwd=ground.root,
        env=ground.environment,
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
        assert (process.wait(20), process.stderr.read()) == (0, "")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_services_that_are_not_named_are_asked_for(ground: Ground) -> None:
    ran = ground.aether("--services", AETHER_REDIS_URL="redis://127.0.0.1:1/0")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "AETHER_MYSQL_URL" in ran.stderr
    assert "AETHER_KAFKA" in ran.stderr
    assert "AETHER_REDIS_URL" not in ran.stderr


@pytest.mark.parametrize("url", ["nonsense", "sqlite:///x.db", "mysql+pymysql://root:secret@127.0.0.1:1"])
def test_a_database_server_that_cannot_be_used_is_a_sentence(ground: Ground, url: str) -> None:
    ran = ground.aether("--services", AETHER_MYSQL_URL=url, AETHER_REDIS_URL="redis://x", AETHER_KAFKA="x")
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert "AETHER_MYSQL_URL" in ran.stderr
    assert "secret" not in ran.stderr
