"""`make demo`: from nothing to a served, tested domain, with timings.

Everything runs in a temporary folder outside this checkout, in an environment that has Aether only as wheels. However
the demo ends, Ctrl-C included, its processes and its folder are removed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import httpx
from aether_tools.interrupts import interruptible
from confluent_kafka import Consumer

Headers = list[tuple[str, bytes]]
CHECKOUT = Path(__file__).resolve().parents[1]

READ_OVER_GRPC = """
import sys
from aether_adapters.grpc import Channel
from acme.billing.v1 import grpc, types
target, token, invoice = sys.argv[1:]
with Channel(target, token=lambda: token) as channel:
    print(grpc.client(channel).get_invoice(types.GetInvoiceRequest(id=int(invoice))))
"""


class StepFailed(Exception):
    """A command of the demo failed; its output is the message."""


@dataclass
class Stopwatch:
    """Prints each step with its duration in seconds."""

    started: float = field(default_factory=time.monotonic)
    count: int = 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self.count += 1
        began = time.monotonic()
        print(f"{self.count:>2}. {title}", flush=True)
        yield
        print(f"    {time.monotonic() - began:.1f} s", flush=True)

    @property
    def total(self) -> float:
        return time.monotonic() - self.started


@dataclass(frozen=True)
class Shell:
    """Runs commands in one folder and environment, each in its own session, so that none outlives the demo."""

    folder: Path
    environment: Mapping[str, str]

    def at(self, folder: Path) -> Shell:
        return Shell(folder, self.environment)

    def __call__(self, *command: str | Path, show: int = 0) -> str:
        """Run a command, print the last `show` lines of its output, and return all of it."""
        with self.started(*command, stderr=subprocess.STDOUT) as process:
            output, _ = process.communicate()
        if process.returncode:
            raise StepFailed(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{output}")
        for line in output.strip().splitlines()[-show:] if show else ():
            print(f"    | {line}")
        return output

    @contextmanager
    def started(
        self, *command: str | Path, stderr: int | IO[str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a command in the background during the block, then stop it, first with SIGTERM."""
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            stop(process)


def stop(process: subprocess.Popen[str], grace: float = 15.0) -> None:
    """Send SIGTERM, and after at most `grace` seconds SIGKILL to the rest of its session."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def remove(folder: Path) -> None:
    """Delete a folder, even if a process that was just killed still writes to it."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def environment(venv: Path, temporary: Path) -> dict[str, str]:
    """Return this environment with `venv` active, temporary files in `temporary`, and no reference to this checkout."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "AETHER_", "MAKE"))
    }
    return clean | {
        "VIRTUAL_ENV": str(venv),
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
        # Every temporary file belongs here; pytest keeps its own on purpose.
        "TMPDIR": str(temporary),
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }


def await_ready(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    """Return the line of JSON with every address, from `aether run --json`."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{") and '"ready"' in line:
            return dict(json.loads(line))
    raise StepFailed(f"aether run ended with {process.wait()} before it was ready:\n{log.read_text()}")


def call(client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    """Call over REST, and print the request and the answer."""
    answer = client.request(method, path, **options)
    print(f"    | {method} {path} -> {answer.status_code} {answer.text}")
    if not answer.is_success:
        raise StepFailed(f"{method} {path} was answered with {answer.status_code}")
    return answer


def first_event(bootstrap: str, topic: str, seconds: float = 20.0) -> Mapping[str, str]:
    """Return the CloudEvents headers of the first message on `topic`."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "aether-demo", "auto.offset.reset": "earliest"}
    )
    try:
        consumer.subscribe([topic])
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                return {name: value.decode() for name, value in cast(Headers, message.headers())}
    finally:
        consumer.close()
    raise StepFailed(f"no event arrived on {topic} within {seconds:.0f} s")


def await_tally(client: httpx.Client, seconds: float = 20.0) -> None:
    """Wait until the consumer has counted the invoice."""
    until = time.monotonic() + seconds
    while client.get("/v1/tally").json().get("created") != "1":
        if time.monotonic() > until:
            raise StepFailed(f"the consumer had not counted the invoice after {seconds:.0f} s")
        time.sleep(0.1)


def play(folder: Path, watch: Stopwatch, stack: ExitStack) -> None:
    """Run every step, in order."""
    uv, venv, wheels = CHECKOUT / ".venv/bin/uv", folder / "venv", folder / "wheels"
    temporary = folder / "tmp"
    temporary.mkdir()
    shell = Shell(folder, environment(venv, temporary))

    with watch.step("build the wheels of aether_adapters and aether_tools"):
        shell(sys.executable, "-m", "aether_tools.wheels", CHECKOUT, wheels)  # like `make dist`
    with watch.step("an environment that knows Aether only as wheels"):
        shell(sys.executable, "-m", "venv", "--without-pip", venv)
        python = venv / "bin/python"
        install = (uv, "pip", "install", "--quiet", "--python", python)
        shell(*install, "--require-hashes", "-r", CHECKOUT / "requirements.lock")
        shell(*install, "--no-deps", "--no-index", *sorted(wheels.glob("*.whl")))
    with watch.step("aether new --workspace acme"):
        shell("aether", "new", "--workspace", "acme", show=1)
        acme = shell.at(folder / "acme")
    with watch.step("aether new billing --aggregate Invoice"):
        acme("aether", "new", "billing", "--aggregate", "Invoice", show=5)
    with watch.step("aether generate"):
        acme("aether", "generate", show=1)
    with watch.step("aether check"):
        acme("aether", "check", show=3)
    with watch.step("the domain's own tests"):
        acme("python", "-m", "pytest", "-q", "domains/billing/tests", show=3)
    with watch.step("aether run, everything embedded"):
        log = folder / "run.log"
        run = ("aether", "run", "--json", "--port-base", "0")
        running = stack.enter_context(acme.started(*run, stderr=stack.enter_context(log.open("w"))))
        where = await_ready(running, log)
        billing = where["domains"]["billing"]
        print(f"    | REST {billing['rest']}, gRPC {billing['grpc']}, Kafka {where['kafka']}")
    with watch.step("create and read an invoice, through REST and through gRPC"):
        token = acme("aether", "token", "--subject", "ada").strip()
        client = stack.enter_context(
            httpx.Client(base_url=billing["rest"], headers={"authorization": f"Bearer {token}"})
        )
        invoice = call(client, "POST", "/v1/invoices", json={"title": "A first invoice"}).json()
        call(client, "GET", f"/v1/invoices/{invoice['id']}")
        acme("python", "-c", READ_OVER_GRPC, billing["grpc"], token, invoice["id"], show=1)
    with watch.step("its event, through the outbox, Kafka and the consumer"):
        headers = first_event(where["kafka"], "acme.billing.v1")
        print(f"    | {headers['ce_type']} {headers['ce_id']} at {headers['ce_time']}")
        await_tally(client)
        call(client, "GET", "/v1/tally")
    with watch.step("a clean stop"):
        stop(running)


def main() -> int:
    """Run the demo. Return 0 if every step worked, 1 if one failed, 130 if interrupted."""
    watch = Stopwatch()
    folder = Path(tempfile.mkdtemp(prefix="aether-demo-"))
    try:
        with interruptible(), ExitStack() as stack:
            play(folder, watch, stack)
    except StepFailed as failure:
        print(f"\nThe demo failed at step {watch.count}: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything the demo started has been stopped.", file=sys.stderr)
        return 130
    finally:
        remove(folder)
    print(f"\nFrom nothing to a served, tested domain: {watch.total:.1f} s in {watch.count} steps.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
