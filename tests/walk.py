"""`make walk`: run the commands of the documents, as written, in clean folders.

Each line of a ```console block is a command. The blocks of a section (from one `## ` to the next) share one shell,
which starts in the document's folder. `aether run` and `make run` must become ready, answer at each address that they
print, and end with 0 on Ctrl-C, which is sent before the next command of the same block and at the end of the section.
While one of them runs, the next block goes to another terminal, in the same folder.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psutil
from aether_tools.interrupts import interruptible

from tests.demo import remove

CHECKOUT: Final = Path(__file__).resolve().parents[1]
REPLACEMENTS: Final = {
    "make test": "make test TESTS=adapters/tests/ids/test_snowflakes.py",
    "make prove": "make prove TESTS=adapters/tests/testing/test_servers.py",
    "make bench": "make bench ONLY='rest-edge (order of three items)/*'",  # a row without a bound
    "pytest domains/user": "pytest domains/user/tests/test_domain.py",
    "pytest domains/promotion": "pytest domains/promotion/tests/test_domain.py",
    "pytest domains/trade": "pytest domains/trade/tests/test_domain.py",
}
"""Shorter replacements for commands of this checkout's documents that would repeat all tests or measurements."""
_MYPY_CACHE: Final = ".mypy_cache"
_ADDRESS: Final = "http://127.0.0.1:8080"
"""The address of the first domain in documents; `aether run` prints the real one if that port is taken."""
_SERVES: Final = re.compile(r"(?:.*&& )?(?:aether|make) run\b")
_READY: Final = "Ready; Ctrl-C stops everything."
_DOCS: Final = re.compile(r"http://\S+/docs\b")
_COMMAND_SECONDS: Final = 900.0
_READY_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 60.0
_CALL_SECONDS: Final = 30.0
_KILL_SECONDS: Final = 10.0

Block = tuple[str, ...]
Section = tuple[Block, ...]


class WalkFailed(Exception):
    """A command does not do what the document promises; the message contains its output."""


def sections(markdown: str) -> list[Section]:
    """Return the sections of a document that have commands, each as its ```console blocks."""
    found: list[list[Block]] = [[]]
    lines = iter(markdown.splitlines())
    for line in lines:
        if line.startswith("## "):
            found.append([])
        elif line.startswith("```"):
            inside = "\n".join(_until_fence(lines)).replace("\\\n", "")
            if line == "```console":
                found[-1].append(
                    tuple(_without_comment(each) for each in inside.splitlines() if each.strip())
                )
    return [tuple(section) for section in found if section]


def _until_fence(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("```"):
            return
        yield line


def _without_comment(line: str) -> str:
    return re.sub(r"\s+#\s.*", "", line).strip()


@dataclass
class Terminal:
    """A shell that keeps its folder and its exported variables from one command to the next."""

    folder: Path
    environment: Mapping[str, str]

    def started(self, command: str, keep: Path | None = None) -> subprocess.Popen[bytes]:
        """Start the command in its own session; `keep` gets its final folder and variables."""
        save = f"{{ pwd; env -0; }} > {shlex.quote(str(keep))}" if keep else ":"
        return subprocess.Popen(
            ["bash", "-c", f"{command}\nended=$?\n{save}\nexit $ended"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def type(self, command: str) -> None:
        """Run the command to its end. Raises `WalkFailed` unless it ends with 0."""
        with tempfile.NamedTemporaryFile() as kept:
            process = self.started(command, Path(kept.name))
            with _killed_afterwards(process):
                try:
                    output, _ = process.communicate(timeout=_COMMAND_SECONDS)
                except subprocess.TimeoutExpired:
                    raise WalkFailed(f"{command}\nhas not ended after {_COMMAND_SECONDS:.0f} s") from None
            if process.returncode:
                said = output.decode(errors="replace")
                raise WalkFailed(f"{command}\nended with {process.returncode}:\n{said}")
            folder, variables = kept.read().split(b"\n", 1)
        self.folder = Path(os.fsdecode(folder))
        pairs = (pair.split("=", 1) for pair in os.fsdecode(variables).split("\0") if "=" in pair)
        self.environment = dict(pairs)


class Server:
    """A command that serves until Ctrl-C."""

    def __init__(self, terminal: Terminal, command: str) -> None:
        self.command = command
        self._process = terminal.started(command)
        self._said = b""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def await_ready(self) -> None:
        """Wait until it reports that it is ready, then call each docs address that it prints."""
        with self._more:
            said = self._more.wait_for(
                lambda: self._process.poll() is not None or self._docs(), _READY_SECONDS
            )
        docs = self._docs()
        if not said or not docs:
            raise WalkFailed(f"{self.command}\ndid not become ready:\n{self.output}")
        for address in docs:
            status = httpx.get(address, timeout=_CALL_SECONDS, follow_redirects=True).status_code
            if status != httpx.codes.OK:
                raise WalkFailed(f"{self.command}\nanswers {status} at {address}:\n{self.output}")

    def interrupt(self) -> None:
        """Send SIGINT to its `aether run`. Raises `WalkFailed` unless the command then ends with 0.

        Not to the whole group: make would be interrupted too, and end with 130 whatever its recipe does.
        """
        for process in psutil.Process(self._process.pid).children(recursive=True):
            words = process.cmdline()
            if [Path(word).name for word in words[1:2]] == ["aether"] and words[2:3] == ["run"]:
                process.send_signal(signal.SIGINT)
        try:
            ended = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise WalkFailed(
                f"{self.command}\ndid not stop in {_STOP_SECONDS:.0f} s:\n{self.output}"
            ) from None
        if ended:
            raise WalkFailed(f"{self.command}\nended with {ended} on Ctrl-C:\n{self.output}")

    def close(self) -> None:
        """Kill the rest of its session."""
        _kill(self._process)
        self._reader.join(_STOP_SECONDS)

    @property
    def output(self) -> str:
        """Everything that it has written."""
        return self._said.decode(errors="replace")

    @property
    def address(self) -> str:
        """The address of the first domain."""
        return self._docs()[0].removesuffix("/docs")

    def _docs(self) -> list[str]:
        """Return the addresses of the docs, or none before it is ready. It prints them all in one write."""
        _, ready, table = self.output.partition(_READY)
        return _DOCS.findall(table) if ready else []

    def _read(self) -> None:
        assert self._process.stdout is not None
        while chunk := os.read(self._process.stdout.fileno(), 65536):
            with self._more:
                self._said += chunk
                self._more.notify_all()
        self._process.wait()
        with self._more:
            self._more.notify_all()


def walk(
    document: str,
    folder: Path,
    environment: Mapping[str, str],
    replacements: Mapping[str, str] = REPLACEMENTS,
) -> None:
    """Run every command in the text of `document`, starting in `folder`. Raises `WalkFailed`."""
    for section in sections(document):
        _walk_section(section, Terminal(folder, environment), environment, replacements)


def _walk_section(
    section: Section, terminal: Terminal, environment: Mapping[str, str], replacements: Mapping[str, str]
) -> None:
    server: Server | None = None
    try:
        for block in section:
            here: Server | None = None  # the server of this terminal
            if server is not None:
                terminal = Terminal(terminal.folder, environment)
            for command in block:
                serves = _SERVES.match(command)
                if server is not None and (server is here or serves):
                    _interrupt(server)
                    server = None
                typed = replacements.get(command, command)
                if server is not None:
                    typed = typed.replace(_ADDRESS, server.address)
                with _timed(typed if typed == command else f"{typed}   (for {command})"):
                    if serves:
                        server = here = Server(terminal, typed)
                        server.await_ready()
                    else:
                        terminal.type(typed)
        if server is not None:
            _interrupt(server)
    finally:
        if server is not None:
            server.close()


def _interrupt(server: Server) -> None:
    with _timed("Ctrl-C"):
        server.interrupt()
    server.close()


@contextmanager
def _timed(title: str) -> Iterator[None]:
    print(f"  $ {title}", flush=True)
    began = time.monotonic()
    yield
    print(f"    {time.monotonic() - began:.1f} s", flush=True)


@contextmanager
def _killed_afterwards(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the rest of the process's session, and wait until it is gone."""
    give_up = time.monotonic() + _KILL_SECONDS
    with suppress(ProcessLookupError):  # no process of the session is left
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        while time.monotonic() < give_up:
            os.killpg(process.pid, 0)
            time.sleep(0.01)
    process.wait()


def guides(checkout: Path) -> list[Path]:
    """Return the documents of a checkout that have commands, README first."""
    named = [checkout / "README.md", checkout / "CONTRIBUTING.md"]
    found = [*named, *sorted(checkout.glob("docs/**/*.md")), *sorted(checkout.glob("domains/*/README.md"))]
    return [document for document in found if sections(document.read_text(encoding="utf-8"))]


def copy(checkout: Path, destination: Path) -> None:
    """Copy the checkout like a clone, including uncommitted changes."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout,
        capture_output=True,
        check=True,
    )
    for name in os.fsdecode(listed.stdout).rstrip("\0").split("\0"):
        if (checkout / name).is_file():
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, destination / name)
    # The cache of mypy: without it `make check` takes a minute longer.
    if (checkout / _MYPY_CACHE).is_dir():
        shutil.copytree(checkout / _MYPY_CACHE, destination / _MYPY_CACHE)


def clean_environment(temporary: Path) -> dict[str, str]:
    """Return the environment of a new terminal: no virtual environment, and no variable of this run."""
    own = Path(sys.prefix, "bin")
    path = [folder for folder in os.environ["PATH"].split(os.pathsep) if Path(folder) != own]
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == "PYTHON" or not name.startswith(("PYTHON", "AETHER_", "MAKE", "VIRTUAL_ENV"))
    }
    return kept | {"PATH": os.pathsep.join(path), "TMPDIR": str(temporary)}


def walk_all(folder: Path) -> None:
    """Walk the documents of this checkout, and those of a new workspace and domain."""
    checkout, made, temporary = folder / "aether", folder / "made", folder / "tmp"
    made.mkdir()
    temporary.mkdir()
    copy(CHECKOUT, checkout)
    environment = clean_environment(temporary)
    for document in guides(checkout):
        print(f"\n{document.relative_to(checkout)}", flush=True)
        walk(document.read_text(encoding="utf-8"), checkout, environment)
    aether = checkout / ".venv/bin/aether"
    Terminal(made, environment).type(f"{shlex.quote(str(aether))} new --workspace acme")
    for name in ("README.md", "domains/billing/README.md"):
        print(f"\n{name} of a new workspace", flush=True)
        walk((made / "acme" / name).read_text(encoding="utf-8"), made / "acme", environment, replacements={})


def main() -> int:
    """Walk every document. Return 0 if every command works, 1 if one fails, 130 if interrupted."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="aether-walk-"))
    try:
        with interruptible():
            walk_all(folder)
    except WalkFailed as failure:
        print(f"\nThe walk failed at: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything the walk started has been stopped.", file=sys.stderr)
        return 130
    finally:
        remove(folder)
    print(f"\nEvery command works as written: {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
