"""The enums of a domain have every member of the contract's, and no member is looked up by its name."""

from __future__ import annotations

import pytest

from .conftest import PACKAGE, Shop, said

TYPES = "proto/gen/acme/billing/v1/types.py"
VALUES = f"{PACKAGE}/domain/values.py"
STATUS = "from enum import Enum\n\nclass {name}(Enum):\n    OPEN = 'open'\n    CLOSED = 'closed'\n"


@pytest.fixture
def enums(shop: Shop) -> Shop:
    """A contract and a domain with the same two members."""
    shop.replace(TYPES, "from dataclasses", STATUS.format(name="InvoiceStatus") + "\nfrom dataclasses")
    shop.write(VALUES, STATUS.format(name="Status"))
    return shop


def test_a_member_that_the_domain_lacks_is_found_at_its_enum(enums: Shop) -> None:
    assert enums.check_files() == []
    enums.replace(TYPES, "    OPEN =", "    DRAFT = 'draft'\n    OPEN =")
    [finding] = enums.check_files()
    assert said([finding]) == [f"enum-member {VALUES}:3:1"]
    assert finding.reason == "Status lacks DRAFT, which the contract's InvoiceStatus has."


@pytest.mark.parametrize(
    "change",
    [
        ("'open'\n", "'opened'\n"),
        ("class Status", "class Side"),
        ("    OPEN = 'open'\n    CLOSED = 'closed'", "    WARM = 1\n    COLD = 2"),
        ("    OPEN =", "    LOST = 1\n    OPEN ="),
    ],
)
def test_an_enum_of_its_own_is_no_finding(enums: Shop, change: tuple[str, str]) -> None:
    enums.replace(VALUES, *change)
    assert enums.check_files() == []


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("Status[other.name]", "enum-by-name"),
        ("Status.__members__[other.status.name]", "enum-by-name"),
        ("getattr(Status, other.name)", "enum-by-name"),
        ("Status[other]", ""),
        ("Status(other.value)", ""),
        ("{}[other.name]", ""),
    ],
)
def test_a_member_that_is_looked_up_by_name_is_found_at_its_line(
    enums: Shop, expression: str, code: str
) -> None:
    text = STATUS.format(name="Status")
    enums.write(VALUES, f"{text}\n\ndef status_of(other):\n    return {expression}\n")
    assert said(enums.check_files()) == (
        [f"{code} {VALUES}:9:{12 + 8 * expression.startswith('getattr')}"] if code else []
    )
