"""api, rpc and worker run as three processes on one SQLite file under load: no lock error, nothing lost."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis
from aether_adapters.testing.waiting import eventually

from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, Deployment, ready, serving

LOAD_SECONDS = 10.0
REST_CLIENTS = 6
LOCKED = ("locked", "busy", "Traceback", "[error")

CREATE_OVER_GRPC = """
import sys, time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from aether_adapters.kernel.problems import RemoteError
from aether_adapters.grpc import Channel
from acme.billing.v1 import grpc, types
target, token, seconds = sys.argv[1:]
end = time.monotonic() + float(seconds)
with Channel(target, token=lambda: token) as channel:
    create = grpc.client(channel).create_invoice
    def work(number):
        said = Counter()
        while time.monotonic() < end:
            try:
                create(types.CreateInvoiceRequest(title=f"gRPC {number}"))
                said["created"] += 1
            except RemoteError as error:
                said[error.problem.type + " " + error.problem.detail] += 1
        return said
    with ThreadPoolExecutor(3) as pool:
        print(dict(sum(pool.map(work, range(3)), Counter())))
"""


@pytest.mark.prove
def test_three_processes_share_one_file_for_ten_seconds_without_one_lock_error(
    billing: Acme, tmp_path: Path
) -> None:
    token = billing.token()
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis(tmp_path / "redis"))
        kafka = stack.enter_context(EmbeddedKafka({"acme.billing.v1": 2}))
        deployment = Deployment(
            billing,
            tmp_path,
            {
                "DATABASE_URL": f"sqlite:///{tmp_path / 'billing.db'}",
                "REDIS_URL": redis.url,
                "KAFKA_BOOTSTRAP": kafka.bootstrap,
                # Callers must be able to create this load; allowances are not tested here.
                "CREATE_RATE": "100000",
                "CREATE_BURST": "100000",
            },
        )
        # The api role runs the use cases too: three processes write.
        roles = [
            stack.enter_context(deployment.started(*names))
            for names in (("migrate", "rpc"), ("api",), ("worker",))
        ]
        eventually(lambda: ready(deployment.rest), "the api started", START_SECONDS)
        eventually(lambda: serving(deployment.grpc), "the rpc started", START_SECONDS)

        end = time.monotonic() + LOAD_SECONDS
        over_grpc = subprocess.Popen(
            [sys.executable, "-c", CREATE_OVER_GRPC, deployment.grpc, token, str(LOAD_SECONDS)],
            env=billing.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(over_grpc.wait, 30)
        with ThreadPoolExecutor(REST_CLIENTS) as pool:
            clients = [pool.submit(create_and_close, deployment, token, end) for _ in range(REST_CLIENTS)]
            answered = sum((client.result() for client in clients), Counter[str]())
        said, _ = over_grpc.communicate(timeout=30)
        from_grpc = Counter[str](eval(said))

        assert set(answered) == {"POST /v1/invoices 201", "POST close 200"}, answered
        assert set(from_grpc) == {"created"}, from_grpc
        created = answered["POST /v1/invoices 201"] + from_grpc["created"]
        closed = answered["POST close 200"]
        assert min(created, closed) > 100, "there was no load"

        with deployment.client(token) as client:
            eventually(
                lambda: client.get("/v1/tally").json() == {"created": str(created), "closed": str(closed)},
                f"{created} created and {closed} closed are told by the events",
                60,
            )
        for role in roles:
            assert role.process.poll() is None, role.said()[-3000:]
            lines = [line for line in role.said().splitlines() if any(word in line for word in LOCKED)]
            assert not lines, lines[:5]


def create_and_close(deployment: Deployment, token: str, end: float) -> Counter[str]:
    """Create invoices until `end`, and close every second one. Count the answers by request and status."""
    said: Counter[str] = Counter()
    with deployment.client(token) as client:
        for number in itertools.count():
            if time.monotonic() >= end:
                return said
            created = client.post("/v1/invoices", json={"title": f"REST {number}"})
            said[f"POST /v1/invoices {created.status_code}"] += 1
            if created.status_code != 201 or number % 2:
                continue
            invoice = created.json()["id"]
            closed = client.post(f"/v1/invoices/{invoice}/close", headers={"if-match": '"1"'})
            said[f"POST close {closed.status_code}"] += 1
    return said
