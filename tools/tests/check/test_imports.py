"""Import rules: each layer's allow-list accepts what it should and reports the rest."""

from __future__ import annotations

import ast

import pytest
from aether_tools.check.core.effects import check_effects
from aether_tools.check.source import Module, NameResolver

from .conftest import Shop, said

PACKAGE = "domains/billing/src/acme_billing"


def test_a_valid_workspace_has_no_findings(shop: Shop) -> None:
    assert shop.check() == []


@pytest.mark.parametrize(
    ("file", "line", "code"),
    [
        ("domain/invoice.py", "import sqlalchemy", "import-layer"),
        ("domain/invoice.py", "from sqlalchemy.orm import Session", "import-layer"),
        ("domain/invoice.py", "import aether_adapters", "import-layer"),
        ("domain/invoice.py", "from acme.billing.v1.types import Invoice", "import-layer"),
        ("domain/invoice.py", "from acme_billing import application", "import-layer"),
        ("domain/invoice.py", "from .. import adapters", "import-layer"),
        ("domain/invoice.py", "from ..application.ports import Invoices", "import-layer"),
        ("domain/invoice.py", "import acme_billing", "import-layer"),
        ("domain/invoice.py", "import importlib; importlib.import_module('redis')", "import-layer"),
        ("domain/invoice.py", "from importlib import import_module as load; load('redis')", "import-layer"),
        ("domain/invoice.py", "__import__('redis')", "import-layer"),
        ("domain/invoice.py", "def late():\n    import redis", "import-layer"),
        ("domain/invoice.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import redis", "import-layer"),
        ("domain/invoice.py", "import importlib; importlib.import_module('red' + 'is')", "import-dynamic"),
        ("domain/invoice.py", "import importlib; importlib.import_module('...adapters', __package__)", "import-layer"),
        ("application/ports.py", "import redis", "import-layer"),
        ("domain/invoice.py", "from aether_adapters.kernel import errors", "import-layer"),
        ("application/ports.py", "import aether_adapters", "import-layer"),
        ("application/ports.py", "from aether_adapters.sql import Outbox", "import-layer"),
        ("application/ports.py", "from aether_adapters.service import settings", "import-layer"),
        ("application/ports.py", "from acme_billing.adapters.store import StoredInvoices", "import-layer"),
        ("application/ports.py", "from acme.billing.v1 import grpc", "import-layer"),
        ("application/ports.py", "from acme.billing.v1 import events", "import-layer"),
        ("application/ports.py", "import acme.billing.v1.billing_pb2", "import-layer"),
        ("application/ports.py", "from acme.trade.v1.types import Order", "import-layer"),
        ("application/ports.py", "from acme_openapi import billing", "import-layer"),
        ("adapters/store.py", "from acme_billing.container import Container", "import-layer"),
        ("adapters/store.py", "from acme_billing import settings", "import-layer"),
        ("adapters/store.py", "from dependency_injector import providers", "import-layer"),
        ("adapters/store.py", "from acme.billing.v1.events import InvoiceCreated", "import-layer"),
        ("adapters/store.py", "from acme.trade.v1 import codec", "import-layer"),
        ("adapters/store.py", "import aether_tools", "import-layer"),
        ("container.py", "from acme.billing.v1 import events", "import-layer"),
        ("container.py", "from acme.billing.v1 import codec", "import-layer"),
        ("container.py", "from acme_openapi import trade", "import-layer"),
    ],
)  # fmt: skip
def test_a_forbidden_import_is_reported(shop: Shop, file: str, line: str, code: str) -> None:
    shop.add(file, line)
    found = [finding for finding in shop.check_files() if finding.code.startswith("import-")]
    assert [finding.code for finding in found] == [code] * len(found)
    assert found
    assert found[0].location.file == f"{PACKAGE}/{file}"
    assert found[0].fix


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("domain/invoice.py", "import decimal, datetime"),
        ("domain/invoice.py", "from . import invoice"),
        ("application/ports.py", "from acme.common.v1.types import Caller"),
        ("application/ports.py", "from acme.billing.v1 import port, types"),
        ("application/ports.py", "import aether_adapters.kernel.errors"),
        ("application/ports.py", "from aether_adapters.kernel import errors"),
        ("application/ports.py", "from aether_adapters.kernel.problems import RemoteError"),
        ("adapters/store.py", "import sqlalchemy, redis, aether_adapters.sql"),
        ("adapters/store.py", "from acme.trade.v1 import grpc, types"),
        ("adapters/store.py", "import importlib; importlib.import_module('redis' + '')"),
        ("container.py", "from acme.billing.v1 import grpc, threads, port"),
        ("container.py", "from acme_openapi import billing"),
        ("container.py", "from acme.trade.v1 import grpc"),
    ],
)
def test_an_allowed_import_is_not_reported(shop: Shop, file: str, line: str) -> None:
    path = shop.root / PACKAGE / file
    path.write_text(f"{path.read_text()}\n\ndef late() -> None:\n    {line}\n")
    assert shop.check_files() == []


def test_adapters_events_may_import_generated_events(shop: Shop) -> None:
    shop.write(f"{PACKAGE}/adapters/events.py", "from acme.billing.v1 import events\n")
    assert said(shop.check_files()) == []


def test_an_import_of_another_domain_is_reported(shop: Shop) -> None:
    shop.write("domains/trade/pyproject.toml", "[project]\n")
    shop.write("proto/acme/trade/v1/trade.proto", "")
    shop.write("openapi/trade.yaml", "")
    for file in ("domain/invoice.py", "application/ports.py", "adapters/store.py"):
        shop.write(f"{PACKAGE}/{file.replace('.py', '_more.py')}", "import acme_trade.domain\n")
    assert said(shop.check_files("billing")) == [
        f"import-domain {PACKAGE}/adapters/store_more.py:1:1",
        f"import-domain {PACKAGE}/application/ports_more.py:1:1",
        f"import-domain {PACKAGE}/domain/invoice_more.py:1:1",
    ]


def test_a_module_outside_the_layers_is_reported(shop: Shop) -> None:
    shop.write(f"{PACKAGE}/helpers.py", "import redis\n")
    shop.write(f"{PACKAGE}/util/deep/more.py", "import redis\n")
    assert said(shop.check_files()) == [
        f"import-no-layer {PACKAGE}/helpers.py:1:1",
        f"import-no-layer {PACKAGE}/util/deep/more.py:1:1",
    ]


def test_an_import_of_a_domain_or_contract_in_a_kit_is_reported(shop: Shop) -> None:
    shop.write("adapters/src/aether_adapters/sly.py", "import aether_adapters\nimport acme_billing\n")
    shop.write("tools/src/aether_tools/sly.py", "def f():\n    from acme.billing.v1 import port\n")
    assert said(shop.check_files()) == [
        "import-kit adapters/src/aether_adapters/sly.py:2:1",
        "import-kit tools/src/aether_tools/sly.py:2:5",
    ]


def test_an_invalid_python_file_is_reported_and_the_others_are_checked(shop: Shop) -> None:
    shop.write(f"{PACKAGE}/domain/broken.py", "def (:\n")
    shop.add("domain/invoice.py", "import sqlalchemy")
    lines = said(shop.check_files())
    assert f"python-syntax {PACKAGE}/domain/broken.py:1:5" in lines
    assert f"import-layer {PACKAGE}/domain/invoice.py:1:1" in lines


def test_a_file_with_a_nul_byte_is_reported(shop: Shop) -> None:
    (shop.root / PACKAGE / "domain/nul.py").write_bytes(b"x = 1\0")
    assert [line.split()[0] for line in said(shop.check_files())] == ["python-syntax"]


def test_a_workspace_may_have_the_name_of_a_standard_module() -> None:
    tree = ast.parse("from time.billing.v1 import types")
    module = Module(
        "billing.application.ports", "domains/billing/src/time_billing/application/ports.py", tree
    )
    assert list(check_effects("time", [module], NameResolver([module]))) == []
    assert [each.code for each in check_effects("acme", [module], NameResolver([module]))] == [
        "effect-import"
    ]


def test_the_edge_of_another_domain_is_told_from_internal_modules(shop: Shop) -> None:
    shop.add("container.py", "from acme_openapi import trade")
    [finding] = shop.check_files()
    assert finding.fix.startswith("Serve this domain's own edge only")
