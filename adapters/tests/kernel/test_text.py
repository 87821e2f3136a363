"""No text that enters a service holds a NUL character, wherever it stands."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import FrameType

import pytest
from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.text import refuse_nul


@dataclass(frozen=True, slots=True)
class Line:
    note_text: str = ""
    data: bytes = b"\0"


@dataclass(frozen=True, slots=True)
class Order:
    lines: tuple[Line, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    count: int = 0


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ("\0", ""),
        ({"a": ["x", {"b/c": "y\0"}]}, "/a/1/b~1c"),
        ({"a": {"k\0": 1}}, "/a"),
        (Order(lines=(Line("fine"), Line("not\0"))), "/lines/1/noteText"),
        (Order(labels={"a": "\0"}), "/labels/a"),
        ([[], {}, "", [[["\0"]]], "\0"], "/3/0/0/0"),
        ([[1, [2]], {"a": {}}, "\0"], "/2"),
    ],
)
def test_a_nul_is_refused_with_its_place(value: object, pointer: str) -> None:
    with pytest.raises(Malformed, match="NUL") as refused:
        refuse_nul(value)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    "value", ["", "\\u0000", b"\0", None, 0, {"a": [b"\0", 1.0]}, Order(lines=(Line(),))]
)
def test_everything_else_passes(value: object) -> None:
    refuse_nul(value)


def test_it_runs_below_a_given_place_too() -> None:
    with pytest.raises(Malformed) as refused:
        refuse_nul(["\0"], "/body")
    assert refused.value.pointer == "/body/0"


def calls_while_refusing(value: object) -> int:
    """Return how many Python functions are called until `value` is refused."""
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        with pytest.raises(Malformed):
            refuse_nul(value)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("part", [0, "a", b"\0", None, [], {}, ()])
def test_a_long_list_costs_no_call_for_each_of_its_parts(part: object) -> None:
    """A client decides how long it is, and the event loop waits: 500,000 parts took 600 ms."""
    assert calls_while_refusing([part] * 5000 + ["\0"]) < 100
