"""Tests of the TLS context that MySQL connections share."""

from __future__ import annotations

import ssl

import pytest
from aether_adapters.sql import connect
from sqlalchemy import text
from sqlalchemy.exc import OperationalError


@pytest.mark.implementation("mariadb")
def test_many_connections_load_the_certificates_once(mysql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[object]()
    make = ssl.create_default_context

    def counting(**settings: str | None) -> ssl.SSLContext:
        read.append(settings)
        return make(**settings)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl, "create_default_context", counting)
    engine = connect(mysql_url, pool=5)
    opened = [engine.connect() for _ in range(5)]
    assert [connection.scalar(text("SELECT 1")) for connection in opened] == [1] * 5
    assert len({connection.scalar(text("SELECT CONNECTION_ID()")) for connection in opened}) == 5
    for connection in opened:
        connection.close()
    engine.dispose()
    assert len(read) <= 1


@pytest.mark.implementation("mariadb")
def test_an_address_that_requires_tls_gets_no_connection_without_it(mysql_url: str) -> None:
    engine = connect(f"{mysql_url}?ssl_verify_cert=true")
    with pytest.raises(OperationalError, match=r"SSL is required|certificate"):
        engine.connect()
    engine.dispose()
