"""Collects the wheels of Aether that a new workspace needs if no package index has them.

`python -m aether_tools.wheels CHECKOUT FOLDER` builds the wheels of a checkout; `make dist` calls it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from aether_tools.console import UsageError, guarded

MEMBERS: Final = {"aether-adapters": "adapters", "aether-tools": "tools"}
"""The distributions that a workspace needs, and their folders in a checkout."""


def collect(into: Path) -> str:
    """Put wheels of the distributions in `MEMBERS` into `into`. Return a sentence that tells the user where they are.

    Build a wheel for an install from a source folder, copy one for an install from a wheel file, and leave the rest to
    the package index. Raises `UsageError` if a wheel cannot be built.
    """
    origins = {name: origin for name in MEMBERS if (origin := _origin(name)) is not None}
    for origin in origins.values():
        if origin.is_dir():
            build(origin, into)
        elif origin.is_file():
            shutil.copy(origin, into)
    missing = {name: origin for name, origin in origins.items() if not origin.exists()}
    if missing:
        return (
            f"Before `make setup`, put wheels of {' and '.join(missing)} into wheels/, or configure a package index that "
            f"has them: they were installed from {' and '.join(map(str, missing.values()))}, which no longer exists."
        )
    if origins:
        return f"wheels/ holds {' and '.join(origins)} as installed here; `make setup` takes them from there."
    return f"`make setup` takes {' and '.join(MEMBERS)} from your package index."


def build(member: Path, into: Path) -> None:
    """Build the wheel of the source folder `member` into `into`. Raises `UsageError` if that fails."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into)]
    done = subprocess.run(command, cwd=member, capture_output=True, text=True, check=False)  # noqa: S603 - our own argv
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "hatchling failed").splitlines()[-1]
        raise UsageError(
            f"cannot build the wheel of {member}: {last}. Run `make setup` in {member.parent} and use its aether."
        )


def build_all(checkout: Path, into: Path) -> int:
    """Build the wheels of `checkout` into `into` and remove their older ones there. Return the exit code."""
    into.mkdir(parents=True, exist_ok=True)
    for name, folder in MEMBERS.items():
        for earlier in into.glob(f"{name.replace('-', '_')}-*.whl"):
            earlier.unlink()
        build(checkout / folder, into.resolve())
    return 0


def _origin(name: str) -> Path | None:
    """Return the source folder or wheel file that `name` was installed from. None if it came from an index.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    try:
        record = distribution(name).read_text("direct_url.json")
        url = urlsplit(json.loads(record)["url"]) if record else None
    except (PackageNotFoundError, ValueError, LookupError, TypeError):
        return None
    return Path(url2pathname(url.path)) if url is not None and url.scheme == "file" else None


if __name__ == "__main__":
    sys.exit(guarded(lambda: build_all(Path(sys.argv[1]), Path(sys.argv[2]))))
