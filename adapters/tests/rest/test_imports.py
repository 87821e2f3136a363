"""Importing the REST kit prints no warnings that its user cannot act on."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_rest_kit_prints_no_warnings() -> None:
    """Run a new interpreter, which shows every warning and has no module loaded."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", "import aether_adapters.rest"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "starlette.testclient" not in done.stderr
    assert "connexion" not in done.stderr
