"""What `python -m <a service> ROLE...` does: it migrates first, then runs the other roles, and says what there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from aether_adapters.service import cli
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.sql import connect
from sqlalchemy import inspect

pytestmark = pytest.mark.usefixtures("own_logging")

ENV = """
from aether_adapters.sql import run_migrations
from sqlalchemy import MetaData
run_migrations(MetaData())
"""
FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "1", None
def upgrade():
    op.create_table("invoices", sa.Column("id", sa.BigInteger, primary_key=True))
"""


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty database, which the settings name."""
    address = f"sqlite:///{tmp_path}/test.db"
    monkeypatch.setenv("DATABASE_URL", address)
    return address


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    (folder / "versions/0001_first.py").write_text(FIRST)
    return folder


def tables(database: str) -> set[str]:
    engine = connect(database)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def called(migrations: Path, *arguments: str, served: list[frozenset[str]], code: int = 0) -> int:
    """The exit code of a service that notes which roles it was to serve."""

    def serve(roles: frozenset[str]) -> int:
        served.append(roles)
        return code

    def remind(customer: str, invoice: str) -> int:
        print(f"{customer} reminded of {invoice}")
        return 3

    return cli.main(
        "acme_billing",
        {**cli.ROLES, "worker": "sends invoices"},
        ServiceSettings,
        migrations=lambda: migrations,
        serve=serve,
        commands={"remind": cli.Command("reminds a customer", ("customer", "invoice"), remind)},
        arguments=arguments,
    )


def test_migrate_alone_brings_the_schema_and_serves_nothing(database: str, migrations: Path) -> None:
    served = list[frozenset[str]]()
    assert called(migrations, "migrate", served=served) == 0
    assert "invoices" in tables(database)
    assert served == []


def test_other_roles_are_served_together_and_decide_the_exit_code(database: str, migrations: Path) -> None:
    served = list[frozenset[str]]()
    assert called(migrations, "worker", "migrate", "api", served=served, code=1) == 1
    assert served == [frozenset({"worker", "api"})]
    assert "invoices" in tables(database)
    assert called(migrations, "rpc", served=served) == 0
    assert served[1:] == [frozenset({"rpc"})]


@pytest.mark.parametrize("arguments", [(), ("apii",)])
def test_a_role_that_there_is_not_is_refused_before_anything_happens(
    arguments: tuple[str, ...], database: str, migrations: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        called(migrations, *arguments, served=[])
    assert ended.value.code == 2
    assert "python -m acme_billing" in capsys.readouterr().err
    assert tables(database) == set()


def test_an_environment_that_is_refused_is_said_before_anything_happens(
    database: str, migrations: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REST_PORT", "hunter2")
    served = list[frozenset[str]]()
    assert called(migrations, "migrate", "api", served=served) == 2
    said = capsys.readouterr().err
    assert said.startswith("acme_billing: REST_PORT is wrong (")
    assert "hunter2" not in said
    assert (served, tables(database)) == ([], set())


def test_the_help_says_what_each_role_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        called(Path(), "--help", served=[])
    help_text = " ".join(capsys.readouterr().out.split())
    assert "rpc: the gRPC server; worker: sends invoices" in help_text


def test_migrations_are_found_in_a_checkout_and_in_an_installed_package(tmp_path: Path) -> None:
    package = tmp_path / "src/acme_billing"
    package.mkdir(parents=True)
    assert cli.migrations(package) == tmp_path / "migrations"
    (package / "migrations").mkdir()
    assert cli.migrations(package) == package / "migrations"


def test_to_migrate_imports_neither_a_door_nor_a_broker() -> None:
    program = "import sys; import aether_adapters.service.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert "aether_adapters.sql" in loaded.split()
    assert not {"grpc", "connexion", "confluent_kafka", "redis"} & set(loaded.split())


def test_a_command_is_run_instead_of_roles_and_its_code_is_the_processs(
    database: str, migrations: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = list[frozenset[str]]()
    assert called(migrations, "remind", "ada", "17", served=served) == 3
    assert (capsys.readouterr().out, served, tables(database)) == ("ada reminded of 17\n", [], set())
    with pytest.raises(SystemExit) as ended:
        called(migrations, "remind", "ada", served=served)
    assert ended.value.code == 2
    assert "the following arguments are required: invoice" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        called(migrations, "--help", served=served)
    assert "remind customer invoice: reminds a customer" in capsys.readouterr().out
