"""Fixtures that more than one folder of tests needs."""

from __future__ import annotations

import pytest

from tests.support.acme import Acme, scaffold


@pytest.fixture(scope="session")
def billing(tmp_path_factory: pytest.TempPathFactory) -> Acme:
    """A workspace with the domain billing as the template makes it; tests that change it take a copy."""
    return scaffold(tmp_path_factory.mktemp("workspace"), ("billing", "Invoice"))
