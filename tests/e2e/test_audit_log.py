"""An operation that the contract marks is recorded by a real process: once, with who called it, and done or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import grpc
import httpx
import pytest
from aether_adapters.testing.waiting import eventually

from tests.attacks.conftest import victim_of
from tests.attacks.rpc import bearer, channel
from tests.support.acme import Acme


@pytest.mark.prove
def test_a_marked_operation_writes_the_audit_log(billing: Acme, tmp_path: Path) -> None:
    acme = Acme(tmp_path / billing.name, billing.name)
    shutil.copytree(billing.root, acme.root, symlinks=True)
    contract = acme.root / "proto/acme/billing/v1/billing.proto"
    method = "rpc CloseInvoice(CloseInvoiceRequest) returns (Invoice)"
    source = contract.read_text()
    assert f"{method};" in source
    marked = f"{method} {{ option (aether_adapters.contract.audit) = true; }}"
    options = 'import "aether_adapters/contract/options.proto";'
    first = source.index("import ")
    source = f"{source[:first]}{options}\n{source[first:]}".replace(f"{method};", marked)
    contract.write_text(source)
    acme.aether("generate").succeeded()
    audit = tmp_path / "audit.log"
    with victim_of(acme, tmp_path, AUDIT_LOG=str(audit)) as victim, victim.client() as client:
        created = client.post(
            "/v1/invoices",
            json={"title": "First"},
            headers={"Idempotency-Key": "k1"},
        )
        assert created.status_code == 201, created.text
        invoice = created.json()
        for status in (200, 409):
            closed = client.post(
                f"/v1/invoices/{invoice['id']}/close",
                headers={"If-Match": created.headers["etag"], "X-Request-Id": "r-7"},
            )
            assert closed.status_code in (status, 412), closed.text
        stranger = httpx.post(f"{victim.rest}/v1/invoices/{invoice['id']}/close", timeout=20)
        assert stranger.status_code == 401
        with channel(victim) as opened, pytest.raises(grpc.RpcError) as refused:
            close = opened.unary_unary("/acme.billing.v1.BillingService/CloseInvoice", None, None)
            close(b"", timeout=20, metadata=bearer("rubbish"))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        eventually(lambda: "The token is malformed." in victim.process.said(), "the log says why")
    first, second, *others = (json.loads(line) for line in audit.read_text().splitlines())
    assert (first["operation"], first["subject"], first["request_id"]) == ("close_invoice", "ada", "r-7")
    assert (str(first["request"]["id"]), first["outcome"]) == (invoice["id"], "done")
    assert (first["caller"], first["address"]) == ("user", "127.0.0.1")
    assert second["outcome"].startswith("/problems/billing/")
    assert [(line["operation"], line["caller"], line["outcome"], line["reason"]) for line in others] == [
        ("close_invoice", "anonymous", "/problems/unauthenticated", "This operation needs a bearer token."),
        ("close_invoice", "anonymous", "/problems/unauthenticated", "The token is malformed."),
    ]
