"""A traceparent is taken only in the form of the W3C."""

from __future__ import annotations

import pytest
from aether_adapters.kernel.trace_context import traceparent

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        (GOOD, GOOD),
        (GOOD.replace("00-", "cc-", 1) + "-what-the-future-will-be-like", GOOD.replace("00-", "cc-", 1)),
        (GOOD + "-more", None),
        (GOOD.replace("00-", "cc-", 1) + "more", None),
        (GOOD.replace("00-", "ff-", 1), None),
        (GOOD.upper(), None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01", None),
        (GOOD[:-1], None),
        (GOOD + "\n", None),
        ("x" * 120_000, None),
        ("", None),
    ],
)
def test_a_traceparent_is_well_formed_or_absent(value: str, taken: str | None) -> None:
    assert traceparent(value) == taken
