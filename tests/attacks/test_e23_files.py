"""E23: what a service keeps in files is for its owner only, whatever the umask says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.attacks.conftest import victim_of
from tests.support.acme import Acme


@pytest.mark.prove
def test_nobody_else_can_read_what_a_service_keeps(billing: Acme, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        database = f"sqlite:///{tmp_path}/new/folder/billing.db"
        with victim_of(billing, tmp_path, DATABASE_URL=database) as victim, victim.client() as client:
            assert client.post("/v1/invoices", json={"title": "x"}).status_code == 201
            kept = [tmp_path / "new", *(tmp_path / "new").rglob("*"), *(tmp_path / "redis").rglob("*")]
            kept += [tmp_path / "redis", *(billing.root / ".aether").rglob("private.pem")]
            found = {path.name: path.stat().st_mode & 0o777 for path in kept}
    finally:
        os.umask(before)
    assert {"billing.db", "billing.db-wal", "billing.db-shm", "private.pem", "redis.log"} <= found.keys()
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}
