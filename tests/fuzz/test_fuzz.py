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

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from tests.support.acme import Acme, Running

CASES = int(os.environ.get("AETHER_FUZZ_CASES", "500"))
"""How many cases for each operation, half of them positive."""
LIMITS_RAISED = {"BILLING_ALLOWANCE_RATE": "1000000", "BILLING_ALLOWANCE_BURST": "1000000"}
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


def operations(schema: schemathesis.BaseSchema) -> dict[str, Any]:
    found = (result.ok() for result in schema.get_all_operations())
    return {operation.definition.raw["operationId"]: operation for operation in found}


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

    def sow(self, case: schemathesis.Case, name: str) -> None:
        """Point every second positive case at a stored invoice."""
        if "id" not in (case.path_parameters or {}):
            return
        case.path_parameters["id"] = self.fresh()
        if name == "closeInvoice":
            case.headers["If-Match"] = '"1"'


def fuzz(operation: Any, name: str, answers: Answers, headers: dict[str, str], seeds: Seeds | None) -> None:
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        try:
            strategy = operation.as_strategy(generation_mode=mode)
            strategy.validate()
        except Exception as error:
            if mode is GenerationMode.NEGATIVE and not operation.iter_parameters():
                continue
            raise AssertionError(f"{name}: no {mode.value} data: {error}") from error

        @settings(
            max_examples=CASES // 2,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def every_case(case: schemathesis.Case, mode: GenerationMode = mode) -> None:
            if seeds is not None and mode is GenerationMode.POSITIVE:
                seeds.sow(case, name)
            answer = case.call(headers=headers)
            answers.note(name, mode.value, answer.status_code)
            case.validate_response(answer, headers=headers)

        every_case()


def test_no_case_of_any_operation_fails_a_check(billing: Acme, system: Running) -> None:
    token = billing.token("ada")
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_dict(contract(billing))
    schema.config.update(base_url=system.rest() + "/v1")
    answers = Answers()
    with system.client(token) as client:
        seeds = Seeds(client)
        for name, operation in operations(schema).items():
            fuzz(operation, name, answers, headers, seeds)
    print("\n" + answers.table())
    for name in operations(schema):
        assert answers.accepted(name) >= ENOUGH_ACCEPTED, f"{name}: {answers.accepted(name):.0%} accepted"


def test_without_a_token_every_case_is_refused_by_the_contract(billing: Acme, system: Running) -> None:
    schema = schemathesis.openapi.from_dict(contract(billing))
    schema.config.update(base_url=system.rest() + "/v1")
    answers = Answers()
    for name, operation in operations(schema).items():
        fuzz(operation, name, answers, {}, None)
    print("\n" + answers.table())
    refused = {status for counts in answers.statuses.values() for status in counts}
    assert refused <= {400, 401, 404, 405, 413, 415}, refused
