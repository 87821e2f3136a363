"""Each domain needs its contracts, and each contract a domain."""

from __future__ import annotations

from aether_tools.workspace import Workspace

from .conftest import Shop, said


def test_a_domain_without_its_contracts_is_reported(shop: Shop) -> None:
    shop.remove("proto/acme/billing/v1/billing.proto")
    shop.remove("openapi/billing.yaml")
    found = [finding for finding in shop.check_files() if finding.code == "contract-missing"]
    assert [finding.reason for finding in found] == [
        "The domain billing has no openapi/billing.yaml.",
        "The domain billing has no proto/acme/billing/v1/billing.proto.",
    ]


def test_contracts_without_a_domain_are_reported(shop: Shop) -> None:
    shop.write("proto/acme/trade/v1/trade.proto", "")
    shop.write("openapi/trade.yaml", "")
    assert said(shop.check_files()) == [
        "domain-missing openapi/trade.yaml",
        "domain-missing proto/acme/trade/v1/trade.proto",
    ]


def test_the_shared_types_need_no_domain(shop: Shop) -> None:
    shop.write("proto/acme/common/v1/common.proto", "")
    assert shop.check_files() == []


def test_a_domain_may_name_the_events_that_it_sends_without_its_outbox(shop: Shop) -> None:
    shop.write(
        "domains/billing/src/acme_billing/adapters/log.py", "from aether_adapters.kafka import Producer\n"
    )
    assert [finding.code for finding in shop.check_files()] == ["event-past-outbox"]
    shop.write("domains/billing/pyproject.toml", '[tool.aether.check]\npast_outbox = ["InvoiceCreated"]\n')
    assert shop.check_files() == []
    assert Workspace.find(shop.root / "domains/billing").root == shop.root
