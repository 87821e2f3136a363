"""Hand-written operations of the billing contract, in memory, in the shape of generated code."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aether_adapters.kernel.errors import Kind, Malformed, Unauthenticated
from aether_adapters.kernel.identity import Access, Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.rest import Inputs, Operation, Reply, etag, parse_etag

CONTRACT = Path(__file__).with_name("billing.yaml")
BORN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class NoSuchInvoice(Exception):
    def __init__(self, invoice_id: int) -> None:
        super().__init__(f"There is no invoice {invoice_id}.")
        self.invoice_id = invoice_id


class InvoiceAlreadyClosed(Exception):
    def __init__(self, invoice_id: int) -> None:
        super().__init__("This invoice is closed already.")
        self.invoice_id = invoice_id


class InvoiceChanged(Exception):
    def __init__(self, version: int) -> None:
        super().__init__("This invoice has changed since you read it.")
        self.version = version


class TitleForbidden(Exception):
    def __init__(self, title: str) -> None:
        super().__init__("No invoice may be called that.")
        self.title = title


ERRORS = ErrorTable(
    "billing",
    {
        NoSuchInvoice: Kind.NOT_FOUND,
        InvoiceAlreadyClosed: Kind.CONFLICT,
        InvoiceChanged: Kind.STALE,
        TitleForbidden: Kind.INVALID,
    },
)


@dataclass(frozen=True, slots=True)
class Invoice:
    id: int
    owner: str
    title: str
    status: str = "INVOICE_STATUS_OPEN"
    version: int = 1


@dataclass
class Billing:
    """The use cases."""

    invoices: dict[int, Invoice] = field(default_factory=dict)

    def create(self, request: tuple[Identity, str]) -> Invoice:
        caller, title = request
        if title == "forbidden":
            raise TitleForbidden(title)
        invoice = Invoice(len(self.invoices) + 1, caller.subject, title)
        self.invoices[invoice.id] = invoice
        return invoice

    def get(self, invoice_id: int) -> Invoice:
        if invoice_id not in self.invoices:
            raise NoSuchInvoice(invoice_id)
        return self.invoices[invoice_id]

    def list(self, request: tuple[int, str, str | None]) -> tuple[Invoice, ...]:
        size, token, status = request
        if token and not token.isdigit():
            raise Malformed("pageToken", "is not one this service gave out")
        found = [
            one for one in self.invoices.values() if status in (None, one.status) and one.id > int(token or 0)
        ]
        return tuple(found[:size])

    def close(self, request: tuple[int, int]) -> Invoice:
        invoice_id, version = request
        invoice = self.get(invoice_id)
        if invoice.status == "INVOICE_STATUS_CLOSED":
            raise InvoiceAlreadyClosed(invoice_id)
        if invoice.version != version:
            raise InvoiceChanged(invoice.version)
        closed = replace(invoice, status="INVOICE_STATUS_CLOSED", version=version + 1)
        self.invoices[invoice_id] = closed
        return closed

    def tally(self, request: None) -> tuple[int, int]:
        closed = sum(one.status == "INVOICE_STATUS_CLOSED" for one in self.invoices.values())
        return len(self.invoices), closed


def invoice_json(value: Invoice) -> dict[str, object]:
    return {
        "id": str(value.id),
        "title": value.title,
        "status": value.status,
        "version": str(value.version),
        "createdAt": "2026-01-02T03:04:05Z",
    }


def operations(billing: Billing) -> tuple[Operation, ...]:
    def soon(use_case: Any) -> Any:
        async def call(request: Any) -> Any:
            return use_case(request)

        return call

    def created(result: Invoice) -> Reply:
        headers = (("location", f"/v1/invoices/{result.id}"), ("etag", etag(result.version)))
        return Reply(201, headers, invoice_json(result))

    def shown(result: Invoice) -> Reply:
        return Reply(200, (), invoice_json(result))

    def listed(result: tuple[Invoice, ...]) -> Reply:
        token = str(result[-1].id) if result else ""
        return Reply(200, (), {"invoices": [invoice_json(one) for one in result], "nextPageToken": token})

    def new(inputs: Inputs) -> tuple[Identity, str]:
        return inputs.identity, inputs.body["title"]

    def page(inputs: Inputs) -> tuple[int, str, str | None]:
        return inputs.query["pageSize"], inputs.query["pageToken"], inputs.query.get("status")

    def one(inputs: Inputs) -> int:
        return int(inputs.path["id"])

    def closing(inputs: Inputs) -> tuple[int, int]:
        return int(inputs.path["id"]), parse_etag(inputs.header["If-Match"])

    def tallied(result: tuple[int, int]) -> Reply:
        return Reply(200, (), {"created": str(result[0]), "closed": str(result[1])})

    return (
        Operation("createInvoice", Access.CALLER, new, soon(billing.create), created),
        Operation("listInvoices", Access.CALLER, page, soon(billing.list), listed),
        Operation("getInvoice", Access.CALLER, one, soon(billing.get), shown),
        Operation("closeInvoice", Access.CALLER, closing, soon(billing.close), shown),
        Operation("getTally", Access.CALLER, lambda inputs: None, soon(billing.tally), tallied),
    )


def verify(token: str) -> Identity:
    """Accept tokens of the form `name` or `name:scope,scope` for the known names."""
    subject, _, rest = token.partition(":")
    if subject not in ("ann", "bob", "robot"):
        raise Unauthenticated("The token cannot be trusted.")
    scopes = frozenset(rest.split(",")) if rest else frozenset()
    return Identity(subject=subject, scopes=scopes, service=subject == "robot")
