"""E1 and E2: an unexpected error costs little, its log is bounded, and neither format shows a secret."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.attacks.conftest import Victim
from tests.attacks.faulty import FAULTS, IN_MESSAGE, LOCAL, faulty
from tests.support.acme import Acme

_MOST_BYTES = 64 * 1024


@pytest.fixture(scope="module", params=[pytest.param("console", marks=pytest.mark.prove), "json"])
def failing(
    request: pytest.FixtureRequest, billing: Acme, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Victim]:
    with faulty(billing, tmp_path_factory.mktemp("faulty"), LOG_FORMAT=request.param) as victim:
        yield victim


def fail(victim: Victim, fault: int) -> str:
    """Provoke the fault; return what the process has logged since."""
    before = victim.process.log.stat().st_size
    with victim.client() as client:
        answer = client.get(f"/v1/invoices/{fault}", timeout=60)
    assert answer.status_code == 500, answer.text
    with victim.process.log.open("rb") as log:
        log.seek(before)
        return log.read().decode()


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_logs_no_more_than_64_kb_and_no_secret(failing: Victim, fault: int) -> None:
    said = fail(failing, fault)
    assert "request failed" in said
    assert len(said.encode()) < _MOST_BYTES + 1000  # the access log adds a line
    for secret in (LOCAL, IN_MESSAGE, failing.token, failing.token[:20], failing.token[-20:]):
        assert secret not in said


@pytest.mark.prove
def test_errors_of_one_client_do_not_delay_others(failing: Victim) -> None:
    with failing.stranger() as stranger, stranger.unharmed(), ThreadPoolExecutor(4) as attackers:
        for _ in attackers.map(lambda fault: fail(failing, fault), [1, 2, 4, 5, 6, 7] * 5):
            pass
