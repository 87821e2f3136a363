"""Runs the real command in a separate process, on small workspaces and templates."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

AETHER = Path(sys.executable).with_name("aether")


@dataclass(frozen=True, slots=True)
class Ran:
    """Exit code and output of the command."""

    code: int
    out: str
    err: str


Aether = Callable[..., Ran]


def environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without variables that change the command's output."""
    excluded = {"NO_COLOR", "AETHER_DEBUG", "FORCE_COLOR", "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in excluded} | extra


@pytest.fixture
def aether(tmp_path: Path) -> Aether:
    """Runs `aether` with the given arguments, by default in the test's folder."""

    def run(
        *arguments: str, cwd: Path = tmp_path, before: Callable[[], None] | None = None, **extra: str
    ) -> Ran:
        done = subprocess.run(
            [AETHER, *arguments],
            cwd=cwd,
            env=environment(**extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            preexec_fn=before,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The workspace acme, without domains."""
    root = tmp_path / "acme"
    root.mkdir()
    write(root / "pyproject.toml", '[tool.aether]\nname = "acme"\n')
    return root


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A small template of a domain: a contract, a pyproject.toml and the answers file."""
    root = tmp_path / "template"
    write(
        root / "copier.yml",
        """
        _subdirectory: "templates/{{ template }}"
        _answers_file: "domains/{{ domain }}/.copier-answers.domain.yml"
        template: {type: str}
        workspace: {type: str}
        domain: {type: str}
        aggregate: {type: str, default: Thing}
        """,
    )
    tree = root / "templates/domain"
    write(tree / "openapi/{{ domain }}.yaml.jinja", "title: {{ aggregate }}\n")
    write(
        tree / "domains/{{ domain }}/pyproject.toml.jinja",
        '[project]\nname = "{{ workspace }}-{{ domain }}"\n',
    )
    answers = "# Never edit.\n{{ _copier_answers|to_nice_yaml(sort_keys=False) }}"
    write(tree / "domains/{{ domain }}/{{ _copier_conf.answers_file.name }}.jinja", answers)
    return root


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")


def tree(root: Path) -> dict[str, str]:
    """Return every file below `root` with its content. Folders end in a slash."""
    return {
        f"{path.relative_to(root)}{'/' if path.is_dir() else ''}": "" if path.is_dir() else path.read_text()
        for path in sorted(root.rglob("*"))
        if path.name != ".aether"
    }
