"""Two api and two rpc processes behind nginx are restarted one after another: no request fails.

nginx knows those that are ready, as a load balancer would that follows /readyz; it tries no request twice. Each request
comes on a connection of its own. AETHER_ROLLING_REQUESTS is their number.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis, children
from aether_adapters.testing.plugin import found
from aether_adapters.testing.waiting import eventually

from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, Deployment

REQUESTS: Final = int(os.environ.get("AETHER_ROLLING_REQUESTS", "1000"))
CLIENTS: Final = 4 if REQUESTS <= 1000 else 8
PAUSE_SECONDS: Final = 0.05
pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600 if REQUESTS > 1000 else 600)]
CONFIG: Final = """
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream api {{ {api} }}
    upstream rpc {{ {rpc} }}
    server {{
        listen 127.0.0.1:{http};
        location / {{ proxy_pass http://api; proxy_next_upstream off; }}
    }}
    server {{
        listen 127.0.0.1:{grpc} http2;
        location / {{ grpc_pass grpc://rpc; grpc_next_upstream off; }}
    }}
}}
"""


@dataclass(slots=True)
class Instance:
    """One process of the domain, which can be started again."""

    role: str
    deployment: Deployment
    admin: int
    started: ExitStack = field(default_factory=ExitStack)
    process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port that nginx passes requests to."""
        return self.deployment.rest_port if self.role == "api" else self.deployment.grpc_port

    def start(self) -> None:
        """Start the process; return at once."""
        settings = {"ADMIN_PORT": str(self.admin), "DRAIN_SECONDS": "8", "DEADLINE_SECONDS": "30"}
        self.process = self.started.enter_context(self.deployment.started(self.role, **settings)).process

    def ready(self) -> bool:
        """Return whether the process says that it is ready."""
        # Not httpx.get, which reads the certificates anew each time: nginx must hear within the drain.
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def restart(self) -> None:
        """Stop the process in order, then start it again and wait until it is ready."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        self.started.close()
        self.start()
        eventually(self.ready, "it is ready again", START_SECONDS)


class Balancer:
    """nginx in front of the instances that are ready."""

    def __init__(self, folder: Path, instances: list[Instance]) -> None:
        self.http, self.grpc = children.free_port(), children.free_port()
        self._folder = folder
        self._instances = instances
        self._known: Mapping[str, list[int]] = {}
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run nginx, and follow the readiness of the instances."""
        program = found(find_nginx)
        self._write(self._by_role(self._instances))
        command = [
            program,
            "-p",
            str(self._folder),
            "-c",
            str(self._folder / "nginx.conf"),
            "-e",
            str(self._folder / "log"),
        ]
        process = children.start(command, log=self._folder / "nginx.out")
        follower = threading.Thread(target=self._follow, args=(process,))
        follower.start()
        try:
            yield
        finally:
            self._stop.set()
            follower.join()
            children.stop(process)

    def passes_to(self, instance: Instance) -> bool:
        """Return whether nginx has been told of the instance."""
        return instance.port in self._known[instance.role]

    def _follow(self, nginx: subprocess.Popen[bytes]) -> None:
        while not self._stop.wait(0.1):
            ready = self._ready()
            if ready != self._known and all(ready.values()):
                self._write(ready)
                nginx.send_signal(signal.SIGHUP)

    def _ready(self) -> dict[str, list[int]]:
        return self._by_role(instance for instance in self._instances if instance.ready())

    @staticmethod
    def _by_role(instances: Iterable[Instance]) -> dict[str, list[int]]:
        ports: dict[str, list[int]] = {"api": [], "rpc": []}
        for instance in instances:
            ports[instance.role].append(instance.port)
        return ports

    def _write(self, ready: Mapping[str, list[int]]) -> None:
        servers = {
            role: " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)
            for role, ports in ready.items()
        }
        ports = {"http": self.http, "grpc": self.grpc, "user": "" if os.getuid() else "user root;"}
        (self._folder / "nginx.conf").write_text(CONFIG.format(folder=self._folder, **servers, **ports))
        self._known = ready


def find_nginx() -> str:
    """Find nginx; raises `FileNotFoundError` that says what to install."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise FileNotFoundError("There is no nginx on the PATH or in /usr/sbin: `apt install nginx`.")
    return program


class Clients:
    """Ask for invoices through nginx, each time on a new connection, at least `count` times and until told to stop."""

    def __init__(self, port: int, token: str, count: int) -> None:
        self.outcomes = Counter[str]()
        self.failed = list[str]()
        self._port = port
        self._headers = {"authorization": f"Bearer {token}", "connection": "close"}
        self._left = count
        self._may_stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def done(self) -> bool:
        """Return whether enough requests have been sent."""
        return self._left <= 0

    def finish(self) -> None:
        """Stop once enough requests have been sent, and wait for it."""
        self._may_stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not (self._may_stop.is_set() and self.done()):
            outcome = self._ask()
            with self._lock:
                self._left -= 1
                self.outcomes[outcome.partition(" ")[0]] += 1
                if outcome != "200":
                    self.failed.append(outcome)
            time.sleep(PAUSE_SECONDS)

    def _ask(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("GET", "/v1/invoices", headers=self._headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"lost {error!r}"
        finally:
            connection.close()
        return str(answer.status) if answer.status == 200 else f"{answer.status} {body!r}"


def test_a_rolling_restart_fails_no_request(billing: Acme, tmp_path: Path) -> None:
    found(find_nginx)
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis(tmp_path / "redis"))
        kafka = stack.enter_context(EmbeddedKafka({"acme.billing.v1": 2}))
        settings = {
            "DATABASE_URL": f"sqlite:///{tmp_path / 'billing.db'}",
            "REDIS_URL": redis.url,
            "KAFKA_BOOTSTRAP": kafka.bootstrap,
        }
        instances = list[Instance]()
        balancer = Balancer(tmp_path, instances)
        for name in ("rpc-1", "rpc-2", "api-1", "api-2"):
            role = name.partition("-")[0]
            more = {"RPC_TARGET": f"127.0.0.1:{balancer.grpc}"} if role == "api" else {}
            (tmp_path / name).mkdir()
            deployment = Deployment(billing, tmp_path / name, settings | more)
            instances.append(Instance(role, deployment, children.free_port()))
        migrated = stack.enter_context(instances[0].deployment.started("migrate"))
        assert migrated.process.wait(START_SECONDS) == 0, migrated.said()
        for instance in instances:
            stack.enter_context(instance.started)
            instance.start()
        eventually(
            lambda: all(each.ready() for each in instances if each.role == "rpc"),
            "rpc is ready",
            START_SECONDS,
        )
        stack.enter_context(balancer.running())
        eventually(lambda: all(each.ready() for each in instances), "all are ready", START_SECONDS)
        eventually(lambda: all(map(balancer.passes_to, instances)), "nginx knows", START_SECONDS)

        clients = Clients(balancer.http, billing.token(), REQUESTS)
        clients.start()
        try:
            restarts = 0
            while not restarts or not clients.done():
                for instance in instances:
                    instance.restart()
                    eventually(lambda one=instance: balancer.passes_to(one), "nginx knows")  # type: ignore[misc]
                    restarts += 1
        finally:
            clients.finish()
    assert restarts >= 4
    assert clients.failed == []
    assert clients.outcomes.total() >= REQUESTS
