"""E9: a service's token passes for a caller's only where the contract says so."""

from __future__ import annotations

import grpc
import pytest

from tests.attacks.conftest import Victim
from tests.attacks.rpc import LIST, PAGE_OF_ONE, bearer, channel


def test_a_service_that_the_contract_does_not_name_acts_for_no_caller(victim: Victim) -> None:
    """The template's methods name none; its owner's rows would be those of the service's name."""
    service = victim.deployment.acme.token("acme-billing", "--service")
    with channel(victim) as opened, pytest.raises(grpc.RpcError) as refused:
        opened.unary_unary(LIST, None, None)(PAGE_OF_ONE, timeout=20, metadata=bearer(service))
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert refused.value.details() == "The service acme-billing may not call this operation."
    with victim.deployment.client(service) as client:
        assert client.get("/v1/invoices").status_code == 403
        assert client.post("/v1/invoices", json={"title": "Not mine"}).status_code == 403


def test_a_caller_brought_by_a_service_or_a_user_is_refused(victim: Victim) -> None:
    """ListInvoicesRequest(caller=Caller(subject="ada"))."""
    forged = b"\x0a\x05\x0a\x03ada" + PAGE_OF_ONE
    with channel(victim) as opened, pytest.raises(grpc.RpcError) as refused:
        opened.unary_unary(LIST, None, None)(forged, timeout=20, metadata=bearer(victim.token))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
