"""Fixtures for several folders of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.acme import Acme, scaffold
from tests.support.secrets_in_logs import Watch


@pytest.fixture(scope="session", autouse=True)
def no_secret_in_a_log() -> Iterator[None]:
    """After the last test: no process that a test started has logged a password, token or secret used with it."""
    watch = Watch()
    with pytest.MonkeyPatch.context() as patch:
        watch.install(patch)
        yield
    found = watch.found()
    assert not found, "\n".join(found[:20])


@pytest.fixture(scope="session")
def billing(tmp_path_factory: pytest.TempPathFactory) -> Acme:
    """A workspace with the template's domain billing; tests that change it use a copy."""
    return scaffold(tmp_path_factory.mktemp("workspace"), ("billing", "Invoice"))
