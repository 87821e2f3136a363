"""Valid and invalid names of domains, workspaces and aggregates."""

from __future__ import annotations

import pytest
from aether_tools.commands.names import checked_name, checked_type
from aether_tools.console import UsageError


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "a/b", "a.b", "Billing", "2bill", "bil-ling", "bill ing", "", "_bill", "bill_", "a__b", "é",
     "bill\n", "class", "lambda", "adapters", "tools", "proto", "openapi", "common", "a" * 31],
)  # fmt: skip
def test_an_invalid_domain_name_is_rejected(name: str) -> None:
    with pytest.raises(UsageError):
        checked_name(name, "domain")


@pytest.mark.parametrize("name", ["Acme", "json", "google", "proto", "import", "../evil"])
def test_an_invalid_workspace_name_is_rejected(name: str) -> None:
    with pytest.raises(UsageError):
        checked_name(name, "workspace")


@pytest.mark.parametrize("name", ["billing", "order_book", "b2b", "json", "a" * 30])
def test_a_valid_domain_name_is_returned(name: str) -> None:
    assert checked_name(name, "domain") == name


@pytest.mark.parametrize(
    "name", ["invoice", "Invoice Line", "Invoice-Line", "None", "../X", "", "Übel", "Invoice\n"]
)
def test_an_invalid_class_name_is_rejected(name: str) -> None:
    with pytest.raises(UsageError):
        checked_type(name, "aggregate")
