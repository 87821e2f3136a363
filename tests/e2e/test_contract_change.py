"""A contract changes in a domain whose files a person has edited."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.acme import Acme

pytestmark = pytest.mark.prove

RPC = """
  // Gives one of the caller's invoices another title.
  rpc RenameInvoice(RenameInvoiceRequest) returns (Invoice);
}
"""
REQUEST = """
message RenameInvoiceRequest {
  acme.common.v1.Caller caller = 1;
  int64 id = 2;
  string title = 3;
}
"""
OPERATION = """\
  /invoices/{id}/title:
    parameters:
      - $ref: '#/components/parameters/InvoiceId'
    put:
      operationId: renameInvoice
      summary: Gives an invoice another title.
      tags: [invoices]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              $ref: '#/components/schemas/NewInvoice'
      responses:
        '200':
          description: The invoice, renamed.
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Invoice'
        '400':
          $ref: 'common.yaml#/components/responses/Malformed'
        '401':
          $ref: 'common.yaml#/components/responses/Unauthenticated'
        '403':
          $ref: 'common.yaml#/components/responses/Forbidden'
        '404':
          $ref: 'common.yaml#/components/responses/NotFound'
        '413':
          $ref: 'common.yaml#/components/responses/TooLarge'
        '415':
          $ref: 'common.yaml#/components/responses/Unsupported'
        '422':
          $ref: 'common.yaml#/components/responses/Invalid'
        '429':
          $ref: 'common.yaml#/components/responses/Exhausted'
        '500':
          $ref: 'common.yaml#/components/responses/Internal'
        '503':
          $ref: 'common.yaml#/components/responses/Unavailable'
        '504':
          $ref: 'common.yaml#/components/responses/Deadline'

"""
USE_CASE = '''\
from dataclasses import dataclass, replace

from acme.billing.v1 import port, types
from acme_billing.application.ports import Transactions, UnitOfWork
from acme_billing.application.views import invoice_view
from acme_billing.domain.invoice import Invoice
from acme_billing.domain.values import Title


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameInvoice(port.RenameInvoice):
    """Gives one of the caller's invoices another title."""

    transactions: Transactions

    def __call__(self, request: types.RenameInvoiceRequest, /) -> types.Invoice:
        title = Title.of(request.title)

        def rename(unit: UnitOfWork) -> Invoice:
            invoice = unit.invoices.get(request.id, owner=request.caller.subject)
            return unit.invoices.save(replace(invoice, title=title))

        return invoice_view(self.transactions.run(rename))
'''
RENAME_OVER_GRPC = """
import sys
from aether_adapters.grpc import Channel
from acme.billing.v1 import grpc, types
target, token, invoice = sys.argv[1:]
with Channel(target, token=lambda: token) as channel:
    print(grpc.client(channel).rename_invoice(types.RenameInvoiceRequest(id=int(invoice), title="over gRPC")).title)
"""

NOTE = "edited by a person"
COMMENT = {".proto": "//", ".mako": "##", ".md": ""}


def editable_files(acme: Acme) -> list[Path]:
    """Return every file of the workspace that a person may edit: all but generated ones."""
    files = [path for path in sorted(acme.root.rglob("*")) if path.is_file()]
    passed_over = ("gen", "aether_adapters", "__pycache__", ".aether", ".mypy_cache", ".git")
    return [path for path in files if not set(passed_over) & set(path.relative_to(acme.root).parts)]


def edit(path: Path) -> None:
    with path.open("a") as file:
        file.write(f"{COMMENT.get(path.suffix, '#')} {NOTE}\n".lstrip())


def insert(path: Path, before: str, text: str) -> None:
    old = path.read_text()
    assert old.count(before) == 1, (path, before, old.count(before))
    path.write_text(old.replace(before, text + before))


@pytest.fixture(scope="module")
def changed(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Acme:
    """A copy of billing with every editable file edited, and an operation and a method added and generated."""
    acme = Acme(tmp_path_factory.mktemp("changed") / "acme")
    shutil.copytree(billing.root, acme.root, ignore=shutil.ignore_patterns(".aether", "__pycache__"))
    for path in editable_files(acme):
        edit(path)
    proto = acme.root / "proto/acme/billing/v1/billing.proto"
    service, rest = proto.read_text().split("\n}\n", 1)
    proto.write_text(service + RPC + rest + REQUEST)
    insert(acme.root / "openapi/billing.yaml", "  /tally:\n", OPERATION)
    return acme


def mypy(acme: Acme) -> str:
    source = acme.root / "domains/billing/src"
    done = acme.run(sys.executable, "-m", "mypy", str(source), MYPYPATH=acme.python_path)
    return done.out


def test_the_new_operation_is_asked_for_written_and_served_and_no_edited_file_is_touched(
    changed: Acme,
) -> None:
    before = {path: path.read_bytes() for path in editable_files(changed)}
    changed.aether("generate").succeeded()

    asked = changed.aether("check")
    assert asked.code == 1
    use_case = "domains/billing/src/acme_billing/application/rename_invoice.py"
    assert use_case in asked.out
    assert {path: path.read_bytes() for path in editable_files(changed)} == before

    (changed.root / use_case).write_text(USE_CASE)
    asked = changed.aether("check")
    assert asked.code == 1
    assert "domains/billing/src/acme_billing/container.py" in asked.out

    container = changed.root / "domains/billing/src/acme_billing/container.py"
    insert(
        container,
        "        get_tally=Singleton(",
        "        rename_invoice=Singleton(RenameInvoice, transactions=transactions),\n",
    )
    insert(
        container,
        "from acme_billing.domain import errors",
        "from acme_billing.application.rename_invoice import RenameInvoice\n",
    )
    assert changed.aether("check").succeeded()
    changed.aether("generate", "--check").succeeded()
    handwritten = {path: path.read_bytes() for path in editable_files(changed)}

    token = changed.token()
    for flags in ((), ("--gateway",)):
        with changed.running(*flags) as system, system.client(token) as client:
            invoice = client.post("/v1/invoices", json={"title": "before"}).json()
            renamed = client.put(f"/v1/invoices/{invoice['id']}/title", json={"title": "after"})
            assert (renamed.status_code, renamed.json()["title"]) == (200, "after"), renamed.text
            over_grpc = changed.run(
                sys.executable, "-c", RENAME_OVER_GRPC, system.grpc(), token, invoice["id"]
            ).succeeded()
            assert over_grpc.strip().endswith("over gRPC")
            assert client.get(f"/v1/invoices/{invoice['id']}").json()["title"] == "over gRPC"

    assert {path: path.read_bytes() for path in editable_files(changed)} == handwritten
    untouched = {path: text for path, text in before.items() if path != container}
    assert {path: path.read_bytes() for path in untouched} == untouched


def test_mypy_points_into_the_use_case_whose_contract_has_changed(billing: Acme, tmp_path: Path) -> None:
    acme = Acme(tmp_path / "acme")
    shutil.copytree(billing.root, acme.root, ignore=shutil.ignore_patterns(".aether", "__pycache__"))
    assert "Success" in mypy(acme)
    proto = acme.root / "proto/acme/billing/v1/billing.proto"
    proto.write_text(
        proto.read_text()
        .replace("returns (Tally)", "returns (Counts)")
        .replace("message Tally", "message Counts")
    )
    acme.aether("generate").succeeded()
    found = mypy(acme)
    assert ["domains", "billing", "src", "acme_billing", "application", "get_tally.py"][-1] in found, found


def test_mypy_names_each_match_that_a_new_member_of_an_enum_leaves_open(
    billing: Acme, tmp_path: Path
) -> None:
    acme = Acme(tmp_path / "acme")
    shutil.copytree(billing.root, acme.root, ignore=shutil.ignore_patterns(".aether", "__pycache__"))
    insert(
        acme.root / "proto/acme/billing/v1/billing.proto",
        "  INVOICE_STATUS_OPEN = 1;",
        "  INVOICE_STATUS_LATE = 3;\n",
    )
    contract = acme.root / "openapi/billing.yaml"
    insert(contract, "INVOICE_STATUS_OPEN, ", "INVOICE_STATUS_LATE, ")
    acme.aether("generate").succeeded()
    found = mypy(acme)
    [named] = [line for line in found.splitlines() if ": error:" in line]
    assert "application/views.py" in named, found
    assert "Literal[InvoiceStatus.LATE]" in named, found


def test_generating_twice_changes_nothing_and_a_hand_edit_is_named_by_file_and_line(
    billing: Acme, tmp_path: Path
) -> None:
    acme = Acme(tmp_path / "acme")
    shutil.copytree(billing.root, acme.root, ignore=shutil.ignore_patterns("__pycache__"))

    def generated() -> dict[Path, bytes]:
        return {
            path: path.read_bytes() for path in acme.root.glob("*/gen/**/*") if path.suffix in (".py", ".pyi")
        }

    before = generated()
    acme.aether("generate").succeeded()
    shutil.rmtree(acme.root / ".aether", ignore_errors=True)
    acme.aether("generate").succeeded()
    assert generated() == before

    edited = acme.root / "proto/gen/acme/billing/v1/port.py"
    lines = edited.read_text().splitlines(keepends=True)
    lines[9] = lines[9].rstrip("\n") + "  # a hand edit\n"
    edited.write_text("".join(lines))
    checked = acme.aether("generate", "--check")
    assert checked.code == 1
    assert "proto/gen/acme/billing/v1/port.py:10" in checked.out


def test_a_broken_contract_leaves_the_generated_code_as_it_was(billing: Acme, tmp_path: Path) -> None:
    acme = Acme(tmp_path / "acme")
    shutil.copytree(billing.root, acme.root, ignore=shutil.ignore_patterns("__pycache__"))
    before = {path: path.read_bytes() for path in acme.root.glob("*/gen/**/*") if path.is_file()}
    contract = acme.root / "openapi/billing.yaml"
    good = contract.read_text()
    for broken in (
        good.replace("title:", "titel:", 3),
        good + "  - {",
        good.replace("schemas/Tally'", "schemas/Nowhere'"),
    ):
        contract.write_text(broken)
        refused = acme.aether("generate")
        assert refused.code == 1, refused.out
        assert "openapi/billing.yaml:" in refused.out
        assert "fix:" in refused.out
    assert {path: path.read_bytes() for path in before} == before


def test_two_workspaces_with_a_domain_of_the_same_name_live_in_one_process(
    billing: Acme, tmp_path: Path
) -> None:
    from tests.support.acme import scaffold

    other = scaffold(tmp_path, ("billing", "Invoice"), name="umbrella")
    script = (
        "from acme.billing.v1 import types as a, codec as ac;"
        "from umbrella.billing.v1 import types as u, codec as uc;"
        "import acme_openapi.billing, umbrella_openapi.billing, acme_billing.container, umbrella_billing.container;"
        "print(ac.tally_from_pb(ac.tally_to_pb(a.Tally(created=1, closed=0))),"
        " uc.tally_from_pb(uc.tally_to_pb(u.Tally(created=2, closed=0))))"
    )
    both = os.pathsep.join((billing.python_path, other.python_path))
    output = billing.run(sys.executable, "-c", script, PYTHONPATH=both).succeeded()
    assert "Tally(created=1, closed=0) Tally(created=2, closed=0)" in output
