"""A rotated password is used by new connections, and an error's text shows no value."""

from __future__ import annotations

from pathlib import Path

import pytest
from aether_adapters.sql import connect
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError


def test_new_connections_use_the_password_that_is_in_the_file_now(mysql_url: str, tmp_path: Path) -> None:
    admin = connect(mysql_url)
    host = "127.0.0.1"
    with admin.begin() as connection:
        connection.execute(text(f"CREATE USER rotated@'{host}' IDENTIFIED BY 'first-password'"))
        connection.execute(text(f"GRANT SELECT ON *.* TO rotated@'{host}'"))
    address = make_url(mysql_url).set(username="rotated", host=host)
    file = tmp_path / "url"

    def write(password: str) -> str:
        url = address.set(password=password).render_as_string(hide_password=False)
        file.write_text(url)
        return url

    engine = connect(write("first-password"), current_url=file.read_text)

    def select() -> object:
        with engine.connect() as connection:
            return connection.execute(text("SELECT 1")).scalar()

    try:
        assert select() == 1
        with admin.begin() as connection:
            connection.execute(text(f"ALTER USER rotated@'{host}' IDENTIFIED BY 'second-password'"))
        write("second-password")
        engine.dispose()
        assert select() == 1
        file.unlink()  # between two versions there may be none
        engine.dispose()
        assert select() == 1
    finally:
        with admin.begin() as connection:
            connection.execute(text(f"DROP USER rotated@'{host}'"))
        engine.dispose()
        admin.dispose()


def test_an_errors_text_shows_no_parameter(url: str) -> None:
    engine = connect(url)
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("INSERT INTO nowhere VALUES (:secret)"), {"secret": "hunter2"})
    engine.dispose()
    assert "nowhere" in str(caught.value)
    assert "hunter2" not in str(caught.value).partition("[SQL")[2]
