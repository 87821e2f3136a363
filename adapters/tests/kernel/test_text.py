"""No text that enters a service holds a NUL character, wherever it stands."""

from __future__ import annotations

from dataclasses import dataclass, field

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
