"""Property-based fuzzing of a served domain of the template against its own contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx
import pytest
import yaml

from tests.fuzz.fuzzing import Caller, Case, Contract, Fuzzer
from tests.support.acme import Acme, Running

LIMITS_RAISED = {"BILLING_CREATE_RATE": "1000000", "BILLING_CREATE_BURST": "1000000"}

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def system(billing: Acme) -> Iterator[Running]:
    with billing.running(**LIMITS_RAISED) as running:
        yield running


@pytest.fixture(scope="module")
def contract(billing: Acme, system: Running) -> Contract:
    document = yaml.safe_load((billing.root / "openapi/gen/acme_openapi/billing.yaml").read_text())
    return Contract(document, system.rest() + "/v1")


@pytest.fixture(scope="module")
def token(billing: Acme) -> str:
    return billing.token("ada")


class Invoices:
    """Real ids and versions, so that positive cases reach stored data."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def fresh(self) -> str:
        """Create an open invoice at version 1. Return its id."""
        answer = self.client.post("/v1/invoices", json={"title": "seed"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def page_token(self) -> str:
        """Return the token of a second page."""
        answer = self.client.get("/v1/invoices", params={"pageSize": 1})
        return str(answer.json()["nextPageToken"])

    def sow(self, case: Case, name: str) -> Mapping[str, str]:
        """Point a positive case at a stored invoice or an existing page."""
        if name == "listInvoices" and "pageToken" in case.query:
            case.query["pageToken"] = self.page_token()
        if "id" in case.path_parameters:
            case.path_parameters["id"] = self.fresh()
            if name == "closeInvoice":
                case.headers["If-Match"] = '"1"'
        return {}


def test_no_case_of_any_operation_fails_a_check(contract: Contract, system: Running, token: str) -> None:
    fuzzer, ada = Fuzzer(), Caller.bearing("ada", token)
    with system.client(token) as client:
        for name in contract.names:
            fuzzer.fuzz(contract.operation(name), ada, Invoices(client))
    print("\n" + fuzzer.answers.table())
    for name in contract.names:
        fuzzer.answers.enough(name, ada.name)


def test_without_a_token_every_case_is_refused(contract: Contract, token: str) -> None:
    fuzzer, nobody = Fuzzer(), Caller.nobody(token)
    for name in contract.names:
        fuzzer.fuzz(contract.operation(name), nobody, None)
    print("\n" + fuzzer.answers.table())
    for name in contract.names:
        assert set(fuzzer.answers.of(name, nobody.name)) == {401}, name
