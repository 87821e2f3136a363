"""The templates of this checkout, as plain files and as a repository with versions."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path

import copier
import pytest

CHECKOUT = Path(__file__).parents[2]


def run(*words: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run the command, and return its output. Fails the test if it failed."""
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words} in {cwd}:\n{done.stdout}{done.stderr}"
    return done.stdout


def commit(repository: Path, message: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    run("git", "add", "--all", cwd=repository)
    run("git", *identity, "commit", "--quiet", "--message", message, cwd=repository)


@dataclass(frozen=True)
class Templates:
    """A folder with only copier.yml and the templates."""

    folder: Path

    def render(self, destination: Path, **answers: str) -> Path:
        """Render with `answers`, without questions, overwriting existing files. Raises copier's errors."""
        with warnings.catch_warnings(action="ignore"):
            copier.run_copy(str(self.folder), destination, answers, defaults=True, overwrite=True, quiet=True)
        return destination

    def release(self, version: str) -> None:
        """Commit and tag the current files as a version."""
        if not (self.folder / ".git").is_dir():
            run("git", "init", "--quiet", cwd=self.folder)
        commit(self.folder, version)
        run("git", "tag", version, cwd=self.folder)


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    """The templates as they are on disk, in a folder that a test may change."""
    folder = tmp_path / "templates"
    folder.mkdir()
    shutil.copy(CHECKOUT / "copier.yml", folder)
    shutil.copytree(CHECKOUT / "templates", folder / "templates")
    return Templates(folder)
