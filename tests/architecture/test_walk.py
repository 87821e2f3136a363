"""Tests of the walk: what it types, in which shell, and what counts as a failure."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest
from aether_adapters.testing.waiting import eventually

from tests.walk import WalkFailed, sections, walk

AETHER = f"""#!{sys.executable}
import http.server, pathlib, signal, sys, threading
pathlib.Path("pid").write_text(str(__import__("os").getpid()))
if "--never" in sys.argv:
    sys.exit(3)
status = 500 if "--broken" in sys.argv else 200
class Docs(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(status)
        self.end_headers()
    def log_message(self, *_):
        pass
stopped = threading.Event()
signal.signal(signal.SIGINT, lambda *_: stopped.set())
server = http.server.HTTPServer(("127.0.0.1", 0), Docs)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"Ready; Ctrl-C stops everything.\\nbilling  http://127.0.0.1:{{server.server_port}}/docs", flush=True)
stopped.wait()
pathlib.Path("stopped").touch()
sys.exit(4 if "--unclean" in sys.argv else 0)
"""
"""A fake `aether run`: ready at once, serves docs, and stops on SIGINT."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment with the fake `aether`."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/aether"
    command.write_text(AETHER)
    command.chmod(0o755)
    return os.environ | {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder in which the document is walked."""
    folder = tmp_path / "walked"
    folder.mkdir()
    return folder


def console(*commands: str) -> str:
    return "\n".join(["```console", *commands, "```", ""])


def test_a_document_is_its_sections_and_their_blocks() -> None:
    text = "\n".join(
        [
            "# Title",
            console("make a   # comment", "", "b 'c#d' \\", "  e"),
            "## One",
            "```yaml",
            "not: typed",
            "```",
            console("f && g"),
            console("h"),
            "## None",
            "## Two",
            console("i"),
        ]
    )
    assert sections(text) == [
        (("make a", "b 'c#d'   e"),),
        (("f && g",), ("h",)),
        (("i",),),
    ]


def test_a_section_is_one_shell_and_the_next_one_starts_afresh(
    folder: Path, environment: dict[str, str]
) -> None:
    (folder / "deeper").mkdir()
    text = console("cd deeper && export GREETING='two\nlines'".replace("\n", " "))
    text += (
        console('echo "$GREETING" > said')
        + "## Next\n"
        + console('pwd > where && echo "${GREETING-unset}" >> where')
    )
    walk(text, folder, environment)
    assert (folder / "deeper/said").read_text() == "two lines\n"
    assert (folder / "where").read_text() == f"{folder}\nunset\n"


def test_a_command_that_fails_fails_the_walk_with_what_it_said(
    folder: Path, environment: dict[str, str]
) -> None:
    with pytest.raises(WalkFailed, match="ended with 7:\nso it is"):
        walk(console("echo so it is && exit 7", "touch later"), folder, environment)
    assert not (folder / "later").exists()


def test_a_replacement_is_typed_instead_of_its_command(folder: Path, environment: dict[str, str]) -> None:
    walk(console("exit 1   # long"), folder, environment, replacements={"exit 1": "touch short"})
    assert (folder / "short").exists()


def test_a_server_runs_while_another_terminal_calls_and_is_stopped_after_its_section(
    folder: Path, environment: dict[str, str]
) -> None:
    (folder / "deeper").mkdir()
    text = console("cd deeper && export HERE=1", "aether run billing")
    text += console("kill -0 $(cat pid)", '[ -z "$HERE" ]', "[ ! -e stopped ]")
    text += console("curl --fail http://127.0.0.1:8080/any")  # answered, although another port is printed
    walk(text, folder, environment)
    assert (folder / "deeper/stopped").exists()


def test_a_server_is_stopped_before_the_next_command_in_its_terminal(
    folder: Path, environment: dict[str, str]
) -> None:
    (folder / "Makefile").write_text("run:\n\t@aether run\n")
    walk(console("make run", "[ -e stopped ]", "rm stopped", "aether run"), folder, environment)
    assert (folder / "stopped").exists()


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--never", "did not become ready"),
        ("--broken", "answers 500 at http://127.0.0.1:"),
        ("--unclean", "ended with 4 on Ctrl-C"),
    ],
)
def test_a_server_that_does_not_serve_or_stop_fails_the_walk_and_is_gone(
    folder: Path, environment: dict[str, str], flag: str, reason: str
) -> None:
    with pytest.raises(WalkFailed, match=reason):
        walk(console(f"aether run {flag}"), folder, environment)
    eventually(
        lambda: not psutil.pid_exists(int((folder / "pid").read_text())), "init has reaped the server", 30
    )
