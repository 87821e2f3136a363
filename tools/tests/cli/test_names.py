"""Which names are refused."""

from __future__ import annotations

import pytest
from aether_tools.commands.names import checked_name, checked_type
from aether_tools.console import UsageError


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "a/b", "a.b", "Billing", "2bill", "bil-ling", "bill ing", "", "_bill", "bill_", "a__b", "é",
     "bill\n", "class", "lambda", "adapters", "tools", "proto", "openapi", "common", "a" * 31],
)  # fmt: skip
def test_what_cannot_name_a_domain_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        checked_name(name, "domain")


@pytest.mark.parametrize("name", ["Acme", "json", "google", "proto", "import", "../evil"])
def test_what_cannot_name_a_workspace_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        checked_name(name, "workspace")


@pytest.mark.parametrize("name", ["billing", "order_book", "b2b", "json", "a" * 30])
def test_what_can_name_a_domain_is_kept(name: str) -> None:
    assert checked_name(name, "domain") == name


@pytest.mark.parametrize(
    "name", ["invoice", "Invoice Line", "Invoice-Line", "None", "../X", "", "Übel", "Invoice\n"]
)
def test_what_cannot_be_a_class_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        checked_type(name, "aggregate")
