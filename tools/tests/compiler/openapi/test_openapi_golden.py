"""The billing contract, compiled: the shape every other contract's edge has."""

from __future__ import annotations

from pathlib import Path

from aether_tools.compiler.compilation import compile_rest_edge
from aether_tools.compiler.proto.front_end import read

ACME = Path(__file__).parents[1] / "fixtures" / "acme"
GOLDEN = Path(__file__).with_name("billing_golden.txt")


def compiled() -> dict[str, bytes]:
    contracts = read(ACME, "acme").contracts
    package = next(package for package in contracts.packages if package.domain == "billing")
    return compile_rest_edge(contracts, package, ACME / "openapi" / "billing.yaml", ACME).files


def test_the_billing_contract_becomes_exactly_this_module() -> None:
    assert compiled()["billing.py"].decode() == GOLDEN.read_text(encoding="utf-8")


def test_the_contract_travels_with_the_module_byte_for_byte() -> None:
    assert compiled()["billing.yaml"] == (ACME / "openapi" / "billing.yaml").read_bytes()


def test_two_runs_write_the_same_bytes() -> None:
    assert compiled() == compiled()
