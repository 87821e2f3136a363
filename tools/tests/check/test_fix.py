"""`aether check --fix` writes what follows from the rest of the workspace, and nothing else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from aether_tools import fixes
from aether_tools.commands.check import check
from aether_tools.compiler.pipeline import Report
from aether_tools.finding import Edit, Finding, Location
from aether_tools.report_formats import Format

from .conftest import PACKAGE, Shop, said

PORT = "proto/gen/acme/billing/v1/port.py"
CONTAINER = f"{PACKAGE}/container.py"
VOID = f"{PACKAGE}/application/void_invoice.py"
ENTRY = "    close_invoice=providers.Singleton(close_invoice.CloseInvoice),\n"


@pytest.fixture
def grown(shop: Shop) -> Shop:
    """The workspace after its contract got an operation that nothing implements, VoidInvoice."""
    shop.replace(
        PORT,
        "@dataclass(frozen=True, slots=True, kw_only=True)\nclass BillingService:",
        "class VoidInvoice(Protocol):\n"
        '    """Takes back an invoice that was sent by mistake."""\n\n'
        "    @abstractmethod\n"
        "    def __call__(self, request: CloseInvoiceRequest, /) -> Invoice: ...\n\n"
        "@dataclass(frozen=True, slots=True, kw_only=True)\nclass BillingService:",
    )
    shop.replace(
        PORT,
        "    close_invoice: CloseInvoice\n",
        "    close_invoice: CloseInvoice\n    void_invoice: VoidInvoice\n",
    )
    return shop


def text(shop: Shop, file: str) -> str:
    return (shop.root / file).read_text(encoding="utf-8")


def finding(*edits: Edit, line: int = 1) -> Finding:
    return Finding(Location("a.py", line), "some-code", "Something lacks.", "Write it.", edits=edits)


def test_a_missing_use_case_is_written_and_wired(grown: Shop) -> None:
    before = text(grown, CONTAINER)
    (missing,) = grown.check_files()
    assert fixes.fix(grown.root, [missing]) == [missing]
    assert text(grown, VOID) == (
        "from dataclasses import dataclass\n\n"
        "from acme.billing.v1 import port, types\n\n\n"
        "@dataclass(frozen=True, slots=True, kw_only=True)\n"
        "class VoidInvoice(port.VoidInvoice):\n"
        '    """Takes back an invoice that was sent by mistake."""\n\n'
        "    def __call__(self, request: types.CloseInvoiceRequest, /) -> types.Invoice:\n"
        '        raise NotImplementedError("VoidInvoice is not written yet.")\n'
    )
    imported = "from acme_billing.application.create_invoice import CreateInvoice\n"
    assert text(grown, CONTAINER) == before.replace(
        imported, f"{imported}from acme_billing.application.void_invoice import VoidInvoice\n"
    ).replace(ENTRY, f"{ENTRY}        void_invoice=providers.Singleton(VoidInvoice),\n")
    assert said(grown.check()) == [f"use-case-unwritten {VOID}:10:5"]


def test_a_use_case_that_is_not_wired_is_given_what_the_container_has(grown: Shop) -> None:
    grown.write(
        VOID,
        """
        from dataclasses import dataclass

        from acme.billing.v1 import port, types

        from acme_billing.application.ports import Invoices

        @dataclass(frozen=True, slots=True)
        class VoidInvoice(port.VoidInvoice):
            invoices: Invoices
            note: str = ""

            def __call__(self, request: types.CloseInvoiceRequest, /) -> types.Invoice:
                return types.Invoice(id=request.id)
        """,
    )
    fixes.fix(grown.root, grown.check_files())
    assert f"{ENTRY}        void_invoice=providers.Singleton(VoidInvoice, invoices=invoices),\n" in text(
        grown, CONTAINER
    )
    assert grown.check() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("invoices = providers", "store = providers"),
        ("    )\n", ")\n"),
        ("        BillingService,\n", "        BillingService, **{},\n"),
    ],
    ids=["no provider of that name", "a call that ends on the line of its last argument", "arguments by **"],
)
def test_a_container_that_is_not_plain_is_left_to_people(grown: Shop, old: str, new: str) -> None:
    grown.write(
        VOID,
        """
        from acme.billing.v1 import port, types

        class VoidInvoice(port.VoidInvoice):
            def __init__(self, invoices: object) -> None:
                self.invoices = invoices

            def __call__(self, request: types.CloseInvoiceRequest, /) -> types.Invoice:
                return types.Invoice(id=request.id)
        """,
    )
    container = text(grown, CONTAINER)
    changed = container.replace(",\n    )\n", ")\n") if old == "    )\n" else container.replace(old, new)
    assert changed != container
    (grown.root / CONTAINER).write_text(changed)
    assert fixes.fix(grown.root, grown.check_files()) == []
    assert text(grown, CONTAINER) == changed


def test_a_file_that_exists_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("mine\n")
    (tmp_path / "c.py").write_text("one\n")
    both = finding(Edit("b.py", 0, "theirs\n"), Edit("c.py", 1, "zero\n"))
    assert fixes.fix(tmp_path, [both]) == []
    assert [(tmp_path / name).read_text() for name in ("b.py", "c.py")] == ["mine\n", "one\n"]


def test_two_findings_that_make_one_file_are_fixed_one_after_the_other(tmp_path: Path) -> None:
    first, second = finding(Edit("b.py", 0, "first\n"), line=1), finding(Edit("b.py", 0, "second\n"), line=2)
    assert fixes.fix(tmp_path, [second, first]) == [first]
    assert (tmp_path / "b.py").read_text() == "first\n"


def test_lines_keep_their_order_their_endings_and_the_file_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "c.py"
    file.write_bytes(b"one\r\ntwo\r\nthree")
    file.chmod(0o750)
    fixes.fix(
        tmp_path,
        [
            finding(Edit("c.py", 2, "a\n"), Edit("c.py", 4, "end\n"), line=1),
            finding(Edit("c.py", 2, "b\n"), Edit("c.py", 1, "zero\n"), Edit("c.py", 4, "end\n"), line=2),
        ],
    )
    assert file.read_bytes() == b"zero\r\none\r\na\r\nb\r\ntwo\r\nthree\r\nend\r\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o750


def test_a_file_that_cannot_be_written_leaves_all_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("one\n")
    (tmp_path / "b.py").write_text("one\n")
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if "b.py" in self.name:
            write(self, data[:3])
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        fixes.fix(tmp_path, [finding(Edit("a.py", 1, "zero\n"), Edit("b.py", 1, "zero\n"))])
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.py": "one\n", "b.py": "one\n"}


def test_the_command_says_what_it_fixed_and_what_is_left(
    grown: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(grown.root)
    monkeypatch.setattr("aether_tools.commands.check.compile_contracts", lambda *_, **__: Report())
    assert check((), form=Format.TEXT, fix=True) == 1
    out = capsys.readouterr().out
    assert out.startswith("fixed ")
    assert "use-case-missing No use case implements VoidInvoice.\n" in out
    assert f"{VOID}:10:5: use-case-unwritten VoidInvoice only raises NotImplementedError.\n" in out
    assert check((), form=Format.JSON, fix=True) == 1
    assert capsys.readouterr().err == ""
