"""Property-based fuzzing of a served domain against its own contract.

Every operation gets positive and negative data, with a valid token and once more without one; every check
schemathesis has is on. Two guards keep the run honest: each operation is called often enough, and of the
positive cases enough are answered 2xx, so that not everything bounced off the door.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

from tests.support.acme import Acme, Running

Case = schemathesis.Case[Any]
CASES = int(os.environ.get("AETHER_FUZZ_CASES", "500"))
"""How many cases for each operation, half of them positive."""
LIMITS_RAISED = {"BILLING_CREATE_RATE": "1000000", "BILLING_CREATE_BURST": "1000000"}
ENOUGH_ACCEPTED = 0.2

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1200)]


@dataclass
class Answers:
    """What was answered, for each operation and kind of data."""

    statuses: dict[tuple[str, str], Counter[int]] = field(default_factory=dict)

    def note(self, operation: str, mode: str, status: int) -> None:
        self.statuses.setdefault((operation, mode), Counter())[status] += 1

    def accepted(self, operation: str) -> float:
        """The share of positive cases answered 2xx."""
        counts = self.statuses[operation, "positive"]
        return sum(n for status, n in counts.items() if status < 300) / counts.total()

    def table(self) -> str:
        lines = [f"{'operation':<18}{'data':<10}{'cases':>6}{'2xx':>7}  statuses"]
        for (operation, mode), counts in self.statuses.items():
            good = sum(n for status, n in counts.items() if status < 300)
            tally = " ".join(f"{status}:{n}" for status, n in sorted(counts.items()))
            lines.append(
                f"{operation:<18}{mode:<10}{counts.total():>6}{good / counts.total():>7.0%}  {tally}"
            )
        return "\n".join(lines)


@pytest.fixture(scope="module")
def system(billing: Acme) -> Iterator[Running]:
    with billing.running(**LIMITS_RAISED) as running:
        yield running


def contract(acme: Acme) -> dict[str, Any]:
    return dict(yaml.safe_load((acme.root / "openapi/billing.yaml").read_text()))


def loaded(acme: Acme, system: Running) -> schemathesis.BaseSchema:
    """The contract, aimed at the running system.

    Valid data may still break a rule of the domain (422) or name a version that has passed (412): the
    contract's schemas promise neither.
    """
    schema = schemathesis.openapi.from_dict(contract(acme))
    schema.config.update(base_url=system.rest() + "/v1")
    accepted = schema.config.checks.positive_data_acceptance
    accepted.expected_statuses = [*accepted.expected_statuses, "412", "422"]
    return schema


def operations(schema: schemathesis.BaseSchema) -> dict[str, Any]:
    found: list[Any] = list(schema.get_all_operations())
    return {result.ok().definition.raw["operationId"]: result.ok() for result in found}


class Seeds:
    """Real ids and versions, so that positive data can reach what is stored."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.ready: list[str] = []

    def fresh(self) -> str:
        """The id of an invoice that is open, at version 1."""
        answer = self.client.post("/v1/invoices", json={"title": "seed"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def page_token(self) -> str:
        """Where a second page begins."""
        answer = self.client.get("/v1/invoices", params={"pageSize": 1})
        return str(answer.json()["nextPageToken"])

    def sow(self, case: Case, name: str) -> None:
        """Point a positive case at a stored invoice, or at a page there is."""
        if name == "listInvoices" and "pageToken" in (case.query or {}):
            case.query["pageToken"] = self.page_token()
        if "id" not in (case.path_parameters or {}):
            return
        case.path_parameters["id"] = self.fresh()
        if name == "closeInvoice":
            case.headers["If-Match"] = '"1"'


def fuzz(operation: Any, name: str, answers: Answers, headers: dict[str, str], seeds: Seeds | None) -> None:
    """Every case of an operation, first those that fit its contract, then those that do not."""
    play(operation, name, GenerationMode.POSITIVE, answers, headers, seeds)
    if operation.body or list(operation.iter_parameters()):
        play(operation, name, GenerationMode.NEGATIVE, answers, headers, None)


def play(
    operation: Any,
    name: str,
    mode: GenerationMode,
    answers: Answers,
    headers: dict[str, str],
    seeds: Seeds | None,
) -> None:
    @settings(
        max_examples=CASES // 2,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def every_case(case: Case) -> None:
        if seeds is not None:
            seeds.sow(case, name)
        answer = case.call(headers=headers)
        answers.note(name, mode.value, answer.status_code)
        # A parameter that is an empty list or object leaves no trace in the URL: what was sent is valid.
        sent = parse_qs(urlsplit(str(answer.request.url)).query, keep_blank_values=True)
        excluded: list[Any] = [negative_data_rejection] if set(case.query or {}) - set(sent) else []
        case.validate_response(answer, headers=headers, excluded_checks=excluded)

    every_case()


def test_no_case_of_any_operation_fails_a_check(billing: Acme, system: Running) -> None:
    token = billing.token("ada")
    headers = {"Authorization": f"Bearer {token}"}
    schema = loaded(billing, system)
    answers = Answers()
    with system.client(token) as client:
        seeds = Seeds(client)
        for name, operation in operations(schema).items():
            fuzz(operation, name, answers, headers, seeds)
    print("\n" + answers.table())
    for name in operations(schema):
        assert answers.accepted(name) >= ENOUGH_ACCEPTED, f"{name}: {answers.accepted(name):.0%} accepted"


def test_without_a_token_every_case_is_refused_by_the_contract(billing: Acme, system: Running) -> None:
    schema = loaded(billing, system)
    answers = Answers()
    for name, operation in operations(schema).items():
        fuzz(operation, name, answers, {}, None)
    print("\n" + answers.table())
    refused = {status for counts in answers.statuses.values() for status in counts}
    assert refused <= {400, 401, 404, 405, 413, 415}, refused
