"""A small, complete workspace without findings; each test breaks one thing in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from aether_tools.check.explanations import EXPLANATIONS
from aether_tools.check.workspace_check import check_files, check_workspace
from aether_tools.finding import Finding
from aether_tools.workspace import Workspace

FILES = {
    "pyproject.toml": """
        [tool.aether]
        name = "acme"
        """,
    "proto/acme/billing/v1/billing.proto": """
        syntax = "proto3";
        package acme.billing.v1;
        service BillingService {
          rpc CreateInvoice(CreateInvoiceRequest) returns (Invoice);
          rpc CloseInvoice(CloseInvoiceRequest) returns (Invoice);
        }
        """,
    "openapi/billing.yaml": "openapi: 3.0.3",
    "proto/gen/acme/billing/v1/types.py": """
        from dataclasses import dataclass

        @dataclass(frozen=True)
        class CreateInvoiceRequest:
            title: str

        @dataclass(frozen=True)
        class CloseInvoiceRequest:
            id: int

        @dataclass(frozen=True)
        class Invoice:
            id: int
        """,
    "proto/gen/acme/billing/v1/port.py": """
        from abc import abstractmethod
        from collections.abc import Awaitable
        from dataclasses import dataclass
        from typing import Protocol

        from .types import CloseInvoiceRequest, CreateInvoiceRequest, Invoice

        class CreateInvoice(Protocol):
            __slots__ = ()
            @abstractmethod
            def __call__(self, request: CreateInvoiceRequest, /) -> Invoice: ...

        class CloseInvoice(Protocol):
            __slots__ = ()
            @abstractmethod
            def __call__(self, request: CloseInvoiceRequest, /) -> Invoice: ...

        @dataclass(frozen=True, slots=True, kw_only=True)
        class BillingService:
            create_invoice: CreateInvoice
            close_invoice: CloseInvoice

        class AsyncCreateInvoice(Protocol):
            @abstractmethod
            def __call__(self, request: CreateInvoiceRequest, /) -> Awaitable[Invoice]: ...

        @dataclass(frozen=True, slots=True, kw_only=True)
        class AsyncBillingService:
            create_invoice: AsyncCreateInvoice
        """,
    "domains/billing/pyproject.toml": """
        [project]
        name = "acme-billing"
        """,
    "domains/billing/src/acme_billing/__init__.py": "",
    "domains/billing/src/acme_billing/domain/__init__.py": "",
    "domains/billing/src/acme_billing/domain/invoice.py": """
        from dataclasses import dataclass

        @dataclass(frozen=True, slots=True)
        class Invoice:
            id: int
        """,
    "domains/billing/src/acme_billing/application/__init__.py": "",
    "domains/billing/src/acme_billing/application/ports.py": """
        from typing import Protocol

        from ..domain.invoice import Invoice

        class Invoices(Protocol):
            def save(self, invoice: Invoice, /) -> None: ...
        """,
    "domains/billing/src/acme_billing/application/create_invoice.py": """
        from dataclasses import dataclass

        from acme.billing.v1 import port
        from acme.billing.v1.types import CreateInvoiceRequest, Invoice

        from acme_billing.application.ports import Invoices

        @dataclass(frozen=True, slots=True)
        class CreateInvoice(port.CreateInvoice):
            invoices: Invoices

            def __call__(self, request: CreateInvoiceRequest, /) -> Invoice:
                return Invoice(id=len(request.title))
        """,
    "domains/billing/src/acme_billing/application/close_invoice.py": """
        from dataclasses import dataclass

        from acme.billing.v1 import port, types as wire
        from acme.billing.v1.port import CloseInvoice as Operation

        Closed = wire.Invoice

        @dataclass(frozen=True, slots=True)
        class CloseInvoice(Operation):
            def __call__(self, request: "wire.CloseInvoiceRequest", /) -> Closed:
                return Closed(id=request.id)
        """,
    "domains/billing/src/acme_billing/adapters/__init__.py": "",
    "domains/billing/src/acme_billing/adapters/store.py": """
        from acme_billing.domain.invoice import Invoice

        class StoredInvoices:
            def save(self, invoice: Invoice, /) -> None:
                del invoice
        """,
    "domains/billing/src/acme_billing/container.py": """
        from acme.billing.v1.port import BillingService
        from dependency_injector import containers, providers

        from acme_billing.adapters.store import StoredInvoices
        from acme_billing.application import close_invoice
        from acme_billing.application.create_invoice import CreateInvoice

        class Container(containers.DeclarativeContainer):
            invoices = providers.Singleton(StoredInvoices)
            create_invoice = providers.Singleton(CreateInvoice, invoices=invoices)
            port = providers.Singleton(
                BillingService,
                create_invoice=create_invoice,
                close_invoice=providers.Singleton(close_invoice.CloseInvoice),
            )
        """,
}

PACKAGE = "domains/billing/src/acme_billing"
EVENTS = {
    "proto/acme/billing/v1/events.proto": """
        syntax = "proto3";
        message InvoiceCreated {}
        """,
    "proto/gen/acme/billing/v1/events.py": """
        TOPIC: Final = "acme.billing.v1"

        class InvoiceCreated:
            TYPE: ClassVar[str] = "acme.billing.v1.InvoiceCreated"

        class InvoiceClosed:
            pass
        """,
    f"{PACKAGE}/domain/events.py": """
        from dataclasses import dataclass
        from datetime import datetime

        @dataclass(frozen=True)
        class InvoiceCreated:
            invoice_id: int
            occurred_at: datetime
        """,
    f"{PACKAGE}/domain/bill.py": """
        from dataclasses import dataclass

        @dataclass(frozen=True)
        class Bill:
            events: tuple[str, ...] = ()
        """,
    f"{PACKAGE}/application/ports.py": """
        from dataclasses import dataclass
        from typing import Protocol

        class Invoices(Protocol):
            def add(self, invoice: object, /) -> None: ...

        class Presences(Protocol):
            def gone(self, id: int, /) -> None: ...

        @dataclass(frozen=True)
        class UnitOfWork:
            invoices: Invoices

        class Transactions(Protocol):
            def run(self, work: object, /) -> None: ...
            def read(self, work: object, /) -> None: ...
        """,
    f"{PACKAGE}/adapters/consumer.py": """
        from acme_billing.adapters.events import CREATED

        def handlers():
            return {CREATED: print}
        """,
}
"""An event of billing, with its publisher and its handler."""


@dataclass(frozen=True, slots=True)
class Shop:
    """The workspace. Paths in its methods are relative to it."""

    root: Path

    def write(self, file: str, text: str) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def add(self, file: str, line: str) -> None:
        """Insert a line at the top of a file of the domain billing."""
        path = self.root / "domains/billing/src/acme_billing" / file
        path.write_text(f"{line}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")

    def remove(self, file: str) -> None:
        (self.root / file).unlink()

    def check(self, *domains: str) -> list[Finding]:
        """Return the findings of all checks, including those of the containers."""
        workspace = Workspace.find(self.root)
        return sorted(check_workspace(workspace, workspace.chosen(domains)))

    def check_files(self, *domains: str) -> list[Finding]:
        """Return the findings of the checks that only read files, which take a fortieth of the time."""
        workspace = Workspace.find(self.root)
        return sorted(check_files(workspace, workspace.chosen(domains)))


def said(findings: list[Finding]) -> list[str]:
    """Return code and location of each finding."""
    return [f"{finding.code} {finding.location}" for finding in findings]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The workspace acme without findings, with the domain billing, which the probe can import."""
    shop = Shop(tmp_path)
    for file, text in FILES.items():
        shop.write(file, text)
    sources = [tmp_path / "proto/gen", tmp_path / "domains/billing/src"]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, sources)))
    return shop


@pytest.fixture
def events(shop: Shop) -> Shop:
    """The small workspace with an event, its publisher and its handler."""
    for file, text in EVENTS.items():
        shop.write(file, text)
    shop.write(f"{PACKAGE}/adapters/events.py", EXPLANATIONS["event-key"].right)
    return shop
