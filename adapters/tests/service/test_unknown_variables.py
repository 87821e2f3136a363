"""A variable with the service's prefix that is none of its settings stops the start: most often it is misspelt."""

from __future__ import annotations

from pathlib import Path

import pytest
from aether_adapters.service.secret_files import WrongVariables
from aether_adapters.service.settings import ServiceSettings
from pydantic_settings import SettingsConfigDict


class BillingSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BILLING_")


class UserSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="USER_")


def refused(settings: type[ServiceSettings] = BillingSettings) -> list[str]:
    with pytest.raises(WrongVariables) as caught:
        settings()
    return settings.refusals(caught.value)


def test_a_misspelt_variable_is_refused_with_what_it_may_mean_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BILLING_GRPC_TLS_MUTAUL", "hunter2")
    monkeypatch.setenv("BILLING_JWSK_FILE", "/keys.json")
    monkeypatch.setenv("BILLING_COLOUR", "hunter2")
    assert sorted(refused()) == [
        "BILLING_COLOUR is no setting of this service: remove it, or name it in BILLING_FOREIGN_VARIABLES if another "
        "program reads it.",
        "BILLING_GRPC_TLS_MUTAUL is no setting of this service; did you mean BILLING_GRPC_TLS_MUTUAL?",
        "BILLING_JWSK_FILE is no setting of this service; did you mean BILLING_JWKS_FILE?",
    ]


def test_files_of_the_secrets_folder_are_held_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLING_SECRETS_DIR", str(tmp_path))
    for name in ("BILLING_REDIS_ULR", "database_url", "trade_key_secret", "..data"):
        (tmp_path / name).write_text("hunter2")
    assert sorted(refused()) == [
        f"{tmp_path}/BILLING_REDIS_ULR is no setting of this service; did you mean BILLING_REDIS_URL?",
        f"{tmp_path}/database_url is no setting of this service; did you mean BILLING_DATABASE_URL?",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLING_SERVICE_HOST", "10.0.0.1"),
        ("BILLING_SERVICE_PORT", "80"),
        ("BILLING_SERVICE_PORT_HTTP", "80"),
        ("BILLING_PORT", "tcp://10.0.0.1:80"),
        ("BILLING_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("BILLING_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("BILLING_RPC_SERVICE_HOST", "10.0.0.1"),
        ("BILLING_RPC_PORT", "tcp://10.0.0.1:9090"),
        ("BILLING_RPC_PORT_9090_TCP_PROTO", "tcp"),
    ],
)
def test_what_kubernetes_sets_for_a_service_of_that_name_is_passed_over(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    BillingSettings()


def test_a_port_that_is_no_link_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_PORT", "8080")
    assert refused() == ["BILLING_PORT is no setting of this service; did you mean BILLING_REST_PORT?"]


def test_variables_of_a_domain_whose_name_begins_with_this_ones_are_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("USER_ADMIN_DATABASE_URL_FILE", "/secrets/url")
    monkeypatch.setenv("USER_ADMIN_MOODS", "7")
    UserSettings()
    monkeypatch.setenv("USER_GRPC_TLS_MUTAUL", "true")
    assert refused(UserSettings) == [
        "USER_GRPC_TLS_MUTAUL is no setting of this service; did you mean USER_GRPC_TLS_MUTUAL?"
    ]


def test_variables_of_other_programs_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER_ID", "7")
    monkeypatch.setenv("USER_IDE_THEME", "dark")
    monkeypatch.setenv("USER_FOREIGN_VARIABLES", "USER_ID USER_IDE_*")
    UserSettings()
    monkeypatch.setenv("USER_FOREIGN_VARIABLES", "USER_IDE_*")
    assert [each.partition(" ")[0] for each in refused(UserSettings)] == ["USER_ID"]


@pytest.mark.parametrize("named", ["USER_*", "*"])
def test_all_variables_cannot_be_named(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER_ID", "7")
    monkeypatch.setenv("USER_FOREIGN_VARIABLES", named)
    assert len(refused(UserSettings)) == 1
