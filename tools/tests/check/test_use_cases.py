"""Each operation has exactly one use case, with the contract's types, that is wired."""

from __future__ import annotations

import pytest
from aether_tools.finding import Finding, Location

from .conftest import Shop

PACKAGE = "domains/billing/src/acme_billing"
CLOSE = f"{PACKAGE}/application/close_invoice.py"
CREATE = f"{PACKAGE}/application/create_invoice.py"
CONTAINER = f"{PACKAGE}/container.py"


def use_case_findings(shop: Shop) -> list[Finding]:
    return [finding for finding in shop.check_files() if finding.code.startswith("use-case")]


def test_an_operation_without_a_use_case_is_reported_with_the_file_to_write(shop: Shop) -> None:
    shop.remove(CLOSE)
    assert use_case_findings(shop) == [
        Finding(
            Location("proto/acme/billing/v1/billing.proto", 5, 7),
            "use-case-missing",
            "No use case implements CloseInvoice.",
            f"Write {CLOSE}: a frozen dataclass `CloseInvoice(port.CloseInvoice)` with "
            "`def __call__(self, request: types.CloseInvoiceRequest, /) -> types.Invoice`; wire it in container.py.",
        )
    ]


def test_a_file_that_exists_is_to_be_added_to_not_written(shop: Shop) -> None:
    shop.write(CLOSE, "class Closing:\n    pass\n")
    [finding] = use_case_findings(shop)
    assert finding.fix.startswith(f"Add to {CLOSE} a frozen dataclass `CloseInvoice(port.CloseInvoice)`")


def test_a_class_without_the_protocol_as_base_is_not_a_use_case(shop: Shop) -> None:
    shop.replace(CLOSE, "class CloseInvoice(Operation)", "class CloseInvoice")
    assert [finding.code for finding in use_case_findings(shop)] == ["use-case-missing"]


def test_a_second_use_case_for_an_operation_is_reported(shop: Shop) -> None:
    shop.write(
        f"{PACKAGE}/application/deep/other.py",
        """
        from acme.billing.v1.port import CreateInvoice
        from acme.billing.v1.types import CreateInvoiceRequest, Invoice

        class Another(CreateInvoice):
            def __call__(self, request: CreateInvoiceRequest, /) -> Invoice:
                return Invoice(id=2)
        """,
    )
    assert [(each.code, each.location) for each in use_case_findings(shop)] == [
        ("use-case-twice", Location(f"{PACKAGE}/application/deep/other.py", 4, 1))
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("request: CreateInvoiceRequest, /) -> Invoice", "request: Invoice, /) -> Invoice"),
        ("request: CreateInvoiceRequest, /) -> Invoice", "request: CreateInvoiceRequest, /) -> int"),
        ("request: CreateInvoiceRequest, /) -> Invoice", "request: CreateInvoiceRequest, /) -> Invoice | None"),
        ("request: CreateInvoiceRequest, /) -> Invoice", "request: CreateInvoiceRequest, /)"),
        ("request: CreateInvoiceRequest, /) -> Invoice", "request, /) -> Invoice"),
        ("self, request: CreateInvoiceRequest, /", "self"),
        ("self, request: CreateInvoiceRequest, /", "self, request: CreateInvoiceRequest, more: int"),
        ("self, request: CreateInvoiceRequest, /", "self, request: CreateInvoiceRequest, /, *, more: int"),
        ("def __call__", "async def __call__"),
        ("def __call__", "def run"),
    ],
)  # fmt: skip
def test_a_use_case_with_a_wrong_signature_is_reported(shop: Shop, old: str, new: str) -> None:
    shop.replace(CREATE, old, new)
    found = use_case_findings(shop)
    assert [finding.code for finding in found] == ["use-case-signature"]
    assert found[0].location.file == CREATE
    assert "types.CreateInvoiceRequest, /) -> types.Invoice" in found[0].fix


def test_a_type_of_the_domain_does_not_match_the_contracts_type_of_the_same_name(shop: Shop) -> None:
    shop.replace(CREATE, "import CreateInvoiceRequest, Invoice", "import CreateInvoiceRequest")
    shop.add("application/create_invoice.py", "from acme_billing.domain.invoice import Invoice")
    assert [finding.reason for finding in use_case_findings(shop)] == [
        "CreateInvoice returns acme_billing.domain.invoice.Invoice, "
        "but the contract's response is acme.billing.v1.types.Invoice."
    ]


def test_types_are_resolved_through_other_modules(shop: Shop) -> None:
    shop.write(f"{PACKAGE}/application/words.py", "from acme.billing.v1.port import Invoice as Bill\n")
    shop.replace(CREATE, "import CreateInvoiceRequest, Invoice", "import CreateInvoiceRequest")
    shop.add("application/create_invoice.py", "from .words import Bill as Invoice")
    assert shop.check_files() == []


def test_extra_parameters_with_defaults_are_allowed(shop: Shop) -> None:
    old = "self, request: CreateInvoiceRequest, /"
    shop.replace(CREATE, old, "self, request: CreateInvoiceRequest, more: int = 0, *, least: int = 1")
    assert shop.check_files() == []


def test_a_use_case_that_is_imported_but_not_wired_is_reported(shop: Shop) -> None:
    shop.replace(
        CONTAINER, "providers.Singleton(close_invoice.CloseInvoice)", "providers.Object(lambda request: None)"
    )
    found = use_case_findings(shop)
    assert [finding.code for finding in found] == ["use-case-unwired"]
    assert found[0].location.file == CLOSE
    assert "close_invoice=" in found[0].fix


def test_a_use_case_may_reach_its_protocol_through_a_base_class(shop: Shop) -> None:
    shop.write(
        f"{PACKAGE}/application/audited.py",
        """
        from acme.billing.v1 import port

        class Audited(port.CloseInvoice):
            \"\"\"What every audited use case shares.\"\"\"
        """,
    )
    shop.replace(CLOSE, "(Operation)", "(Audited)")
    shop.add("application/close_invoice.py", "from acme_billing.application.audited import Audited")
    assert shop.check_files() == []


def test_a_use_case_may_inherit_its_call(shop: Shop) -> None:
    shop.write(
        f"{PACKAGE}/application/closing.py",
        """
        from acme.billing.v1.types import CloseInvoiceRequest, Invoice

        class Closing:
            def __call__(self, request: CloseInvoiceRequest, /) -> Invoice:
                return Invoice(id=request.id)
        """,
    )
    shop.write(
        CLOSE,
        """
        from acme.billing.v1 import port

        from acme_billing.application.closing import Closing

        class CloseInvoice(Closing, port.CloseInvoice):
            pass
        """,
    )
    assert shop.check_files() == []


def test_an_inherited_call_with_a_wrong_type_is_reported_where_it_is_written(shop: Shop) -> None:
    shop.write(
        f"{PACKAGE}/application/closing.py",
        """
        from acme.billing.v1 import port
        from acme.billing.v1.types import CreateInvoiceRequest, Invoice

        class Closing(port.CloseInvoice):
            def __call__(self, request: CreateInvoiceRequest, /) -> Invoice:
                return Invoice(id=request.id)
        """,
    )
    shop.write(
        CLOSE,
        """
        from acme_billing.application.closing import Closing

        class CloseInvoice(Closing):
            pass
        """,
    )
    assert [(each.code, each.location) for each in use_case_findings(shop)] == [
        ("use-case-signature", Location(f"{PACKAGE}/application/closing.py", 5, 5))
    ]


def test_an_asynchronous_use_case_is_told_so(shop: Shop) -> None:
    shop.replace(CREATE, "def __call__", "async def __call__")
    assert [finding.reason for finding in use_case_findings(shop)] == [
        "CreateInvoice has an asynchronous __call__."
    ]


def test_a_class_with_the_name_of_its_operation_is_named_if_it_lacks_the_base(shop: Shop) -> None:
    shop.replace(CLOSE, "class CloseInvoice(Operation)", "class CloseInvoice")
    finding = use_case_findings(shop)[0]
    assert finding.location == Location(CLOSE, 9, 1)
    assert "Write `class CloseInvoice(port.CloseInvoice)`" in finding.fix
