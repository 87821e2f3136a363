"""Shared code of the fuzz tests: the cases of an operation, their answers, and the checks with their exceptions.

A case is drawn once and sent by each caller, so that all of them get the same data. Half of an operation's cases fit
its contract (positive), half do not (negative); an operation without input has only positive ones.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection

Case = schemathesis.Case[Any]
CASES = int(os.environ.get("AETHER_FUZZ_CASES", "500"))
"""The number of cases for each operation and caller, half of them positive."""
MIN_ACCEPTED_SHARE = 0.2
"""The share of positive cases that must be answered 2xx, so that enough cases reach the use cases."""
RETRY_TIMEOUT_SECONDS = 60.0
"""How long an operation may ask for a retry."""

# schemathesis does not know `format: etag`. For int64, which is combined with patterns, see `within_int64`.
schemathesis.openapi.format("etag", st.integers(0, 2**63 - 1).map('"{}"'.format))


class Seeds(Protocol):
    """Makes a positive case refer to stored data."""

    def sow(self, case: Case, name: str) -> Mapping[str, str]:
        """Change `case` of the operation `name`, but nothing nested in it. Return headers that replace the caller's."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A sender of cases: its name in the table, and the headers that it sends in rotation."""

    name: str
    headers: Iterator[dict[str, str]]

    @classmethod
    def bearing(cls, name: str, token: str) -> Caller:
        return cls(name, cycle([{"Authorization": f"Bearer {token}"}]))

    @classmethod
    def nobody(cls, token: str) -> Caller:
        """Return a caller with no token or an invalid one; `token` is a valid one, to be spoiled."""
        head, _, signature = token.rpartition(".")
        spoiled = [f"Bearer {head}.{signature[::-1]}", f"Bearer {head}.", f"Basic {token}", "Bearer x", ""]
        return cls("nobody", cycle([{}, *({"Authorization": value} for value in spoiled)]))


@dataclass
class Answers:
    """Counts the statuses of answers, for each operation, caller, and kind of data."""

    statuses: dict[tuple[str, str, str], Counter[int]] = field(default_factory=dict)

    def note(self, operation: str, caller: str, mode: str, status: int) -> None:
        self.statuses.setdefault((operation, caller, mode), Counter())[status] += 1

    def of(self, operation: str, caller: str, mode: str | None = None) -> Counter[int]:
        """Return how often each status was answered, to all data or to one kind."""
        return sum(
            (
                counts
                for (name, who, kind), counts in self.statuses.items()
                if (name, who) == (operation, caller) and mode in (None, kind)
            ),
            Counter(),
        )

    def enough(self, operation: str, caller: str) -> None:
        """Fail the test if too few cases were sent, or too few positive ones were accepted."""
        assert self.of(operation, caller).total() >= CASES, f"{operation}: too few cases"
        share = accepted(self.of(operation, caller, "positive"))
        assert share >= MIN_ACCEPTED_SHARE, f"{operation}, {caller}: {share:.0%} accepted"

    def table(self) -> str:
        lines = [f"{'operation':<22}{'caller':<10}{'data':<10}{'cases':>6}{'2xx':>7}  statuses"]
        for (operation, caller, mode), counts in self.statuses.items():
            tally = " ".join(f"{status}:{n}" for status, n in sorted(counts.items()))
            lines.append(
                f"{operation:<22}{caller:<10}{mode:<10}{counts.total():>6}{accepted(counts):>7.0%}  {tally}"
            )
        return "\n".join(lines)


def accepted(counts: Counter[int]) -> float:
    """Return the share of 2xx."""
    return sum(n for status, n in counts.items() if status < 300) / counts.total()


@dataclass(frozen=True)
class Operation:
    """One operation of a contract, and the cases drawn for it."""

    name: str
    public: bool
    positive: tuple[Case, ...]
    negative: tuple[Case, ...]


class Contract:
    """A contract and a running system; draws the cases of each operation once."""

    def __init__(self, document: Mapping[str, Any], base_url: str, cases: int = CASES) -> None:
        self.base_url = base_url
        self._cases = cases
        schema = schemathesis.openapi.from_dict(dict(document))
        schema.config.update(base_url=base_url)
        # The callers send their own tokens, so a negative case must be invalid in another way.
        # Every service refuses a text with a NUL character, whichever contract it has.
        schema.config.generation.update(with_security_parameters=False, allow_x00=False)
        # Valid data may still break a rule of the domain (422), or name an old version (412), an unknown object (404),
        # or an object in a state that does not allow it (409): the contract's schemas do not exclude these.
        # Nothing is exhausted (429) and no server is down (5xx) here.
        expected = ["2xx", "401", "403", "404", "409", "412", "422"]
        schema.config.checks.positive_data_acceptance.expected_statuses = expected
        # Invalid data is refused before permissions are checked and before stored data is read.
        schema.config.checks.negative_data_rejection.expected_statuses = ["400", "401"]
        results: list[Any] = list(schema.get_all_operations())
        found = [result.ok() for result in results]
        self._operations: dict[str, Any] = {each.definition.raw["operationId"]: each for each in found}
        self._drawn: dict[str, Operation] = {}

    @property
    def names(self) -> list[str]:
        return list(self._operations)

    def operation(self, name: str) -> Operation:
        if name not in self._drawn:
            raw = self._operations[name]
            takes_input = bool(raw.body) or any(True for _ in raw.iter_parameters())
            half = self._cases // 2
            self._drawn[name] = Operation(
                name=name,
                public=raw.definition.raw.get("security") == [],
                positive=drawn(
                    raw, GenerationMode.POSITIVE, self._cases - half if takes_input else self._cases
                ),
                negative=drawn(raw, GenerationMode.NEGATIVE, half) if takes_input else (),
            )
        return self._drawn[name]


def drawn(operation: Any, mode: GenerationMode, count: int) -> tuple[Case, ...]:
    """Return `count` cases, the same in every run; repeat them if there are fewer."""
    found: list[Case] = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return tuple(islice(cycle(found), count))


@dataclass
class Fuzzer:
    """Sends cases and checks the answers."""

    answers: Answers = field(default_factory=Answers)
    session: requests.Session = field(default_factory=requests.Session)
    proven: set[tuple[str, str]] = field(default_factory=set)
    pauses: Mapping[str, str] = field(default_factory=dict)
    """Operations that may answer 503 with this problem type for a while; they are retried after Retry-After."""

    def __post_init__(self) -> None:
        self.session.trust_env = False  # otherwise it looks for proxies with every request

    def fuzz(self, operation: Operation, caller: Caller, seeds: Seeds | None) -> None:
        """Send every case of an operation, first the positive ones, then the negative ones."""
        for case in operation.positive:
            seeded = case.derive()  # a copy: the next caller gets the case as it was drawn
            replaced = seeds.sow(seeded, operation.name) if seeds else {}
            self._send(seeded, operation.name, caller, "positive", replaced)
        for case in operation.negative:
            self._send(case.derive(), operation.name, caller, "negative", {})

    def _send(self, case: Case, name: str, caller: Caller, mode: str, replaced: Mapping[str, str]) -> None:
        headers = {**next(caller.headers), **replaced}
        answer = case.call(headers=headers, session=self.session)
        give_up = time.monotonic() + RETRY_TIMEOUT_SECONDS
        while self._pauses(name, answer) and time.monotonic() < give_up:
            case.validate_response(answer, headers=headers, excluded_checks=[not_a_server_error])
            time.sleep(float(answer.headers["retry-after"][0]))
            answer = case.call(headers=headers, session=self.session)
        self.answers.note(name, caller.name, mode, answer.status_code)
        excluded: list[Any] = []
        # A parameter that is an empty list or object does not appear in the URL, so the request is valid.
        sent = parse_qs(urlsplit(str(answer.request.url)).query, keep_blank_values=True)
        if set(case.query or {}) - set(sent):
            excluded.append(negative_data_rejection)
        # Whether an operation requires a token does not depend on the data: one proof for each caller is enough, and
        # every case is sent without a token once.
        if (name, caller.name) in self.proven:
            excluded.append(ignored_auth)
        elif answer.status_code < 300:
            self.proven.add((name, caller.name))
        case.validate_response(answer, headers=headers, excluded_checks=excluded)

    def _pauses(self, name: str, answer: Any) -> bool:
        return bool(answer.status_code == 503 and answer.json()["type"] == self.pauses.get(name))


def within_int64(value: Any) -> Any:
    """Return `value` with every number in a string reduced to 64 bits, because patterns ignore `format: int64`."""
    if isinstance(value, dict):
        return {key: within_int64(each) for key, each in value.items()}
    if isinstance(value, list):
        return [within_int64(each) for each in value]
    if isinstance(value, str) and value.isascii() and value.isdigit() and int(value) >= 2**63:
        return str(int(value) // 10)
    return value
