"""Settings: documented, read by prefix, and silent about passwords."""

from __future__ import annotations

import pytest
from aether_adapters.service.settings import CallingServiceSettings, ServiceSettings, masked
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError


class BillingSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BILLING_")


def test_variables_are_read_by_the_domains_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_REST_PORT", "8181")
    monkeypatch.setenv("BILLING_TRUSTED_PROXIES", '["10.0.0.0/8"]')
    monkeypatch.setenv("BILLING_LOG_LEVEL", "debug")
    monkeypatch.setenv("TRADE_REST_PORT", "1")
    settings = BillingSettings()
    assert (settings.rest_port, settings.trusted_proxies, settings.log_level) == (
        8181,
        ("10.0.0.0/8",),
        "DEBUG",
    )


def test_a_password_is_used_but_never_shown() -> None:
    settings = BillingSettings(
        database_url="mysql+pymysql://ann:hunter2@db:3306/billing", redis_url="redis://:hunter2@r/0"
    )
    assert settings.database_url == "mysql+pymysql://ann:hunter2@db:3306/billing"
    assert "hunter2" not in repr(settings) and "hunter2" not in str(settings)
    assert masked(settings.database_url) == "mysql+pymysql://ann:***@db:3306/billing"


def test_a_wrong_variable_is_refused_without_repeating_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_REST_PORT", "hunter2")
    with pytest.raises(ValidationError, match="rest_port") as caught:
        BillingSettings()
    assert "hunter2" not in str(caught.value)


def test_every_variable_says_what_it_is_for() -> None:
    assert all(field.description for field in BillingSettings.model_fields.values())
    assert "| `BILLING_THREADS` | `16` |" in BillingSettings.documentation()


class TradeSettings(CallingServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TRADE_")


def test_what_must_be_set_is_said_in_a_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRADE_REST_PORT", "hunter2")
    with pytest.raises(ValidationError) as caught:
        TradeSettings()  # type: ignore[call-arg]  # what is missing is the test
    port, key = sorted(TradeSettings.refusals(caught.value))
    assert port.startswith("TRADE_REST_PORT is wrong (Input should be a valid integer")
    assert key == (
        "TRADE_SERVICE_KEY is not set. It is for: "
        "The file of the private key (PEM) that signs this service's own tokens."
    )
    assert "hunter2" not in port
    assert "| `TRADE_SERVICE_KEY` | must be set |" in TradeSettings.documentation()


def test_a_list_that_is_no_json_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_TRUSTED_PROXIES", "10.0.0.0/8")
    with pytest.raises(SettingsError) as caught:
        BillingSettings()
    (said,) = BillingSettings.refusals(caught.value)
    assert said.startswith("BILLING_TRUSTED_PROXIES is no JSON. It is for: Addresses or networks")
