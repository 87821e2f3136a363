"""Settings: documented, read by prefix, and silent about passwords."""

from __future__ import annotations

import pytest
from aether_adapters.settings import ServiceSettings, masked
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict


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
