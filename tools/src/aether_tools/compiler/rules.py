"""What a contract must be beyond what protoc asks, so that it can be served and called."""

from __future__ import annotations

from aether_tools.compiler.model import Contracts
from aether_tools.finding import Finding


def check(contracts: Contracts) -> list[Finding]:
    del contracts
    return []
