"""What `python -m <a service> ROLE...` does: it migrates first, then runs the other roles, and says what there are."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aether_adapters.auth.development import DevelopmentKeys
from aether_adapters.service import cli
from aether_adapters.service.backing import BackingServices
from aether_adapters.service.listening import require_free
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.sql import connect
from aether_adapters.testing.certificates import Authority
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
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
    monkeypatch.setenv("JWKS", str(DevelopmentKeys(tmp_path / "development").ensure().jwks))
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:9092")
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
    assert said.startswith("acme_billing: REST_PORT is wrong: ")
    assert "hunter2" not in said
    assert (served, tables(database)) == ([], set())


def test_an_address_that_cannot_be_read_is_refused_without_it(
    migrations: Path,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://ann:a@b:hunter2@h/x")
    assert called(migrations, "migrate", served=[]) == 2
    said = capsys.readouterr().err
    assert (
        "DATABASE_URL: the address of the database cannot be read: it is scheme://user:password@host" in said
    )
    assert "hunter2" not in said


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


def test_a_role_without_the_settings_or_files_it_needs_is_refused_at_the_start(
    migrations: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[frozenset[str]] = []
    monkeypatch.setenv("JWKS", "/nowhere/jwks.json#roles=staff https://keys.example/jwks")
    assert called(migrations, "rpc", served=served) == 2
    monkeypatch.setenv("JWKS", "")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "")
    assert called(migrations, "api", "worker", served=served) == 2
    assert capsys.readouterr().err.splitlines() == [
        "acme_billing: JWKS: /nowhere/jwks.json cannot be read (No such file or directory).",
        "acme_billing: KAFKA_BOOTSTRAP is empty, but the roles api, worker need it. It is for: Kafka's brokers: "
        "host:port, separated by commas.",
        "acme_billing: JWKS is empty, but the roles api, worker need it. It is for: "
        f"{ServiceSettings.model_fields['jwks'].description}",
    ]
    assert called(migrations, "migrate", served=served) == 0
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:9092")
    assert called(migrations, "worker", served=served) == 0
    assert served == [{"worker"}]


@pytest.mark.parametrize(
    "content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n"]
)
def test_a_service_key_that_cannot_sign_is_refused_at_the_start(
    content: bytes,
    migrations: Path,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert database
    (tmp_path / "service.pem").write_bytes(content)
    monkeypatch.setenv("SERVICE_KEY", str(tmp_path / "service.pem"))
    served: list[frozenset[str]] = []
    assert called(migrations, "rpc", served=served) == 2
    assert f"SERVICE_KEY: {tmp_path}/service.pem holds no key that can sign" in capsys.readouterr().err
    assert called(migrations, "migrate", served=served) == 0
    monkeypatch.setenv(
        "SERVICE_KEY", str(DevelopmentKeys(tmp_path / "keys").ensure().jwks.with_name("private.pem"))
    )
    assert called(migrations, "rpc", served=served) == 0


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "DATABASE_URL",
            "postgresql://ann:hunter2@h/x",
            "DATABASE_URL: postgresql://ann:***@h/x: use mysql+pymysql://",
        ),
        (
            "DATABASE_URL",
            "mysql+pymysql://ann:x@hunter2@h/x",
            "DATABASE_URL: the address of the database cannot be read",
        ),
        ("REDIS_URL", "http://:hunter2@h", "REDIS_URL: 'http://:***@h': use redis://host:port/0"),
        (
            "CORS_ORIGINS",
            '["https://app.example/"]',
            "CORS_ORIGINS is wrong: CORS origin 'https://app.example/'",
        ),
        (
            "CORS_ORIGINS",
            '["*", "https://app.example"]',
            'CORS_ORIGINS is wrong: CORS origin "*": list the origins',
        ),
        (
            "TRUSTED_PROXIES",
            '["10.0.0.0/99"]',
            "TRUSTED_PROXIES is wrong: '10.0.0.0/99' is no address and no network",
        ),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_before_anything_starts(
    name: str,
    value: str,
    sentence: str,
    migrations: Path,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert database
    monkeypatch.setenv(name, value)
    served: list[frozenset[str]] = []
    assert called(migrations, "api", "rpc", "worker", served=served) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"acme_billing: {sentence}") and said.count("\n") == 1
    assert "hunter2" not in said and served == []


@pytest.mark.parametrize("peer", ["GRPC", "REST", "ADMIN", "DATABASE", "REDIS", "KAFKA"])
def test_certificates_that_are_none_are_refused_with_the_variable_of_the_wrong_file(
    peer: str,
    migrations: Path,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert database
    authority = Authority(tmp_path / "certificates")
    good, other = authority.issue("good"), authority.issue("other")
    empty = tmp_path / "empty.pem"
    empty.touch()
    for cert, key, ca, sentence in (
        (good.key, good.key, "", f"CERT: {good.key} holds a private key, not a certificate (PEM)."),
        (good.cert, good.cert, "", f"KEY: {good.cert} holds a certificate, not a private key (PEM)."),
        (
            good.cert,
            other.key,
            "",
            f"KEY: {other.key} is not the private key of the certificate in {good.cert}.",
        ),
        (good.cert, "", "", "KEY: a certificate and its key must be set together."),
        (good.cert, good.key, str(empty), f"CA: {empty} holds nothing that is a certificate (PEM)."),
    ):
        for part, path in (("CERT", cert), ("KEY", key), ("CA", ca)):
            monkeypatch.setenv(f"{peer}_TLS_{part}", path)
        assert called(migrations, "api", "rpc", "worker", served=[]) == 2
        assert f"acme_billing: {peer}_TLS_{sentence}" in capsys.readouterr().err.splitlines()


def test_a_key_set_that_verifies_nothing_is_refused_at_the_start(
    migrations: Path,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert database
    keys = tmp_path / "keys"
    private = DevelopmentKeys(tmp_path / "development").ensure().jwks.with_name("private.pem").read_text()
    weak = rsa.generate_private_key(65537, 1024).public_key()
    for content, reason in (
        (private, "it holds a private key; whoever verifies needs only the public one"),
        (
            weak.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
            "the public key is weak or of an unsupported type",
        ),
        ("nothing", "no JWK set"),
        ('{"keys": []}', "it holds no key that verifies tokens"),
    ):
        keys.write_text(content)
        monkeypatch.setenv("JWKS", f"{keys}#roles=staff")
        assert called(migrations, "rpc", served=[]) == 2
        assert capsys.readouterr().err.startswith(f"acme_billing: JWKS: {keys}: {reason}")


def test_a_redis_that_is_needed_and_has_no_address_is_refused(
    migrations: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert database
    code = cli.main(
        "acme_billing",
        cli.ROLES,
        ServiceSettings,
        migrations=lambda: migrations,
        serve=lambda _: int(bool(BackingServices(ServiceSettings()).redis)),
        arguments=["api"],
    )
    assert code == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "acme_billing: REDIS_URL is empty, but this service uses Redis. It is for: Where counters"
    )
    assert "redis[s]://[[user]:password@]host:port/0" in said


def test_settings_are_printed_in_an_environment_that_sets_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert called(Path(), "settings", served=[]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(ServiceSettings.model_fields) + 2
    assert "| `REST_PORT` | `8080` | integer |  |  | Its port; 0 takes a free one. |" in printed
    kinds = {row.split(" | ")[0]: row.split(" | ")[2] for row in printed[2:]}
    assert kinds["| `LOG_FORMAT`"] == "console, json"
    assert (kinds["| `TRUSTED_PROXIES`"], kinds["| `REST_METRICS`"]) == ("JSON", "true or false")


def test_a_database_that_stays_away_from_a_migration_is_said_in_a_sentence(
    database: str, migrations: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://root:hunter2@127.0.0.1:9/billing")
    monkeypatch.setenv("MIGRATE_SECONDS", "0.1")
    served = list[frozenset[str]]()
    assert called(migrations, "migrate", "api", served=served) == 1
    printed = capsys.readouterr().err
    (said,) = (line for line in printed.splitlines() if line.startswith("acme_billing: "))
    assert said == (
        "acme_billing: The database at mysql+pymysql://root:***@127.0.0.1:9/billing was unavailable for 0.1 s "
        "(2003: Can't connect to MySQL server on '127.0.0.1' ([Errno 111] Connection refused)). "
        "Try again, or wait longer: MIGRATE_SECONDS."
    )
    assert served == []


def test_a_port_that_is_taken_ends_a_process_with_the_sentence_about_it(
    database: str, migrations: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve(_: frozenset[str]) -> int:
        require_free(ServiceSettings(grpc_port=taken.getsockname()[1]), "the gRPC server")
        return 0

    with socket.create_server(("127.0.0.1", 0)) as taken:
        code = cli.main(
            "acme_billing",
            cli.ROLES,
            ServiceSettings,
            migrations=lambda: migrations,
            serve=serve,
            arguments=["rpc"],
        )
    said = capsys.readouterr().err
    assert code == 1
    assert said.count("\n") == 1 and said.startswith(
        "acme_billing: the gRPC server cannot listen on 127.0.0.1:"
    )


def test_metrics_on_a_port_that_workers_share_are_refused(
    database: str, migrations: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKERS", "2")
    monkeypatch.setenv("REST_METRICS", "true")
    served = list[frozenset[str]]()
    assert called(migrations, "api", served=served) == 2
    assert capsys.readouterr().err == (
        "acme_billing: REST_METRICS is on, but WORKERS is 2: a worker knows its own metrics only. "
        "Unset it, and set ADMIN_PORT for those of all.\n"
    )
    assert served == []
    assert called(migrations, "worker", served=served) == 0, "a role without a server has one process"
