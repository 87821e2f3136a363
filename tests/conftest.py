"""Fixtures for several folders of tests."""

from __future__ import annotations

import pytest

from tests.support.acme import Acme, scaffold


@pytest.fixture(scope="session")
def billing(tmp_path_factory: pytest.TempPathFactory) -> Acme:
    """A workspace with the template's domain billing; tests that change it use a copy."""
    return scaffold(tmp_path_factory.mktemp("workspace"), ("billing", "Invoice"))
