"""What a service says while it starts: nothing that its people can do nothing about."""

from __future__ import annotations

import subprocess
import sys


def test_the_rest_kit_warns_of_nothing_when_it_is_imported() -> None:
    """In an interpreter of its own, which shows every warning and has none of its modules loaded yet."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", "import aether_adapters.rest"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "starlette.testclient" not in done.stderr
    assert "connexion" not in done.stderr
