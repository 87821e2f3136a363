"""A secret is not taken from a URL, which logs, proxies and browser histories keep."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest
from aether_tools.compiler.compilation import compile_workspace
from aether_tools.finding import ContractError

ACME = Path(__file__).parents[1] / "fixtures" / "acme"


def test_a_redacted_field_cannot_be_a_parameter_in_the_url(tmp_path: Path) -> None:
    root = copytree(ACME, tmp_path / "acme")
    contract = root / "proto/acme/billing/v1/billing.proto"
    source = contract.read_text()
    before = "message GetInvoiceRequest {\n  acme.common.v1.Caller caller = 1;\n  int64 id = 2"
    assert before in source
    contract.write_text(source.replace(before, f"{before} [debug_redact = true]"))
    with pytest.raises(ContractError) as caught:
        compile_workspace(root)
    said = str(caught.value)
    assert said.startswith("openapi/billing.yaml:")
    assert "openapi-secret-in-url id (proto/acme/billing/v1/billing.proto:60:9) is redacted" in said
    assert said.endswith("fix: Send it in the body or in a header.")
