"""Runs git in a workspace, the same whether a person, a hook of git or a workflow calls."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

TIMEOUT_SECONDS: Final = 20
_OF_A_HOOK: Final = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
"""Variables that git sets for its hooks: with them any folder would be the root of the repository."""


class GitError(Exception):
    """git failed; `told` is what it said."""

    def __init__(self, told: str) -> None:
        super().__init__(told)
        self.told = told


def run(root: Path, *arguments: str, told: bytes = b"") -> bytes:
    """Return what git prints in the folder `root`; `told` is its input.

    Raises `GitError`, `FileNotFoundError` without git, and `subprocess.TimeoutExpired` after 20 s.
    """
    done = subprocess.run(  # noqa: S603 - git, with arguments of our own; a ref comes after --end-of-options
        ["git", *arguments],  # noqa: S607 - the git of the person's PATH
        cwd=root,
        env=_environment(),
        input=told,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise GitError(" ".join(done.stderr.decode(errors="replace").split()) or "git gave no reason.")
    return done.stdout


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    return own | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }
