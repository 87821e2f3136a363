"""The wheels of Aether that a workspace is set up with when no package index has them.

`python -m aether_tools.wheels CHECKOUT FOLDER` builds those of a checkout, as `make dist` does.
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
    """Put into `into` the wheels that no index need have; return a sentence for the person who makes the workspace.

    Build what is installed from a source folder, copy what is installed from a wheel file, and leave the rest to the
    package index. Raises `UsageError` if a wheel cannot be built.
    """
    origins = {name: origin for name in MEMBERS if (origin := _origin(name)) is not None}
    for origin in origins.values():
        if origin.is_dir():
            build(origin, into)
        elif origin.is_file():
            shutil.copy(origin, into)
    gone = {name: origin for name, origin in origins.items() if not origin.exists()}
    if gone:
        return (
            f"Before `make setup`, put wheels of {' and '.join(gone)} into wheels/, or configure a package index that "
            f"has them: {' and '.join(map(str, gone.values()))}, from which they are installed here, cannot be found."
        )
    if origins:
        return f"wheels/ holds {' and '.join(origins)} as installed here; `make setup` takes them from there."
    return f"`make setup` takes {' and '.join(MEMBERS)} from your package index."


def build(member: Path, into: Path) -> None:
    """Build the wheel of the source folder `member` into `into`; raises `UsageError` if that fails."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into)]
    done = subprocess.run(command, cwd=member, capture_output=True, text=True, check=False)  # noqa: S603 - our own argv
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "hatchling failed").splitlines()[-1]
        raise UsageError(
            f"the wheel of {member} cannot be built: {last}. Run `make setup` in {member.parent} and use its aether."
        )


def build_all(checkout: Path, into: Path) -> int:
    """Build the wheels of `checkout` in place of those that `into` holds; returns the exit code."""
    into.mkdir(parents=True, exist_ok=True)
    for earlier in into.glob("aether_*.whl"):
        earlier.unlink()
    for folder in MEMBERS.values():
        build(checkout / folder, into.resolve())
    return 0


def _origin(name: str) -> Path | None:
    """The source folder or wheel file that `name` is installed from; None if it comes from an index.

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
