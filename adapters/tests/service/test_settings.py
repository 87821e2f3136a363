"""Settings: documented, read by prefix, and silent about passwords."""

from __future__ import annotations

import pytest
from aether_adapters.service.settings import (
    CallingServiceSettings,
    MaskedUrl,
    SecretUrl,
    ServiceSettings,
    StrongSecret,
    StrongText,
)
from aether_adapters.service.wiring import rest_options
from pydantic import Field, SecretStr, ValidationError
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
    assert "mysql+pymysql://ann:***@db:3306/billing" in repr(settings)
    assert settings.secrets() == ["hunter2", "hunter2"]


def test_a_wrong_variable_is_refused_without_repeating_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_REST_PORT", "hunter2")
    with pytest.raises(ValidationError, match="rest_port") as caught:
        BillingSettings()
    assert "hunter2" not in str(caught.value)


def test_every_variable_says_what_it_is_for() -> None:
    assert all(field.description for field in BillingSettings.model_fields.values())
    assert "| `BILLING_THREADS` | `256` |" in BillingSettings.documentation()


class ShopSettings(BillingSettings):
    key_secret: SecretStr
    webhook_secrets: tuple[str, ...] = Field(repr=False)


def test_a_reference_says_what_is_secret_and_shows_no_password_of_a_default() -> None:
    class Leaky(BillingSettings):
        mail_url: SecretUrl = Field(default=MaskedUrl("smtp://ann:hunter2@mail"), description="It | that.")

    told = {each.variable: each for each in Leaky.described()}
    assert told["BILLING_MAIL_URL"].default == "smtp://ann:***@mail"
    assert told["BILLING_MAIL_URL"].secret and not told["BILLING_THREADS"].secret
    assert told["BILLING_DATABASE_URL"].needed_by == ("api", "rpc", "worker")
    assert "It \\| that. |" in Leaky.documentation()
    assert {each.variable for each in ShopSettings.described() if each.default is None} == {
        "BILLING_KEY_SECRET",
        "BILLING_WEBHOOK_SECRETS",
    }


def test_its_secrets_are_known_so_that_the_log_can_mask_them() -> None:
    settings = ShopSettings(
        redis_url="redis://ann:p%40ss@r/0?password=other",
        jwks="/etc/keys.json https://keys/jwks?token=tok",
        key_secret=SecretStr("sixteen"),
        webhook_secrets=("one", "two"),
    )
    assert set(settings.secrets()) == {"p%40ss", "other", "tok", "sixteen", "one", "two"}


@pytest.mark.parametrize(
    ("jwks", "reason"),
    [
        ("http://keys.example/jwks", "http://keys.example/jwks: keys are fetched over https://"),
        ("/keys.json#role=staff", "/keys.json#role=staff: no option role; there are issuer, roles"),
        ("https://ann:secret@keys.example/jwks", "must not hold a user or password"),
    ],
)
def test_key_sets_that_cannot_be_meant_are_refused_at_the_start(
    jwks: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLING_JWKS", jwks)
    with pytest.raises(ValidationError) as refused:
        BillingSettings()
    (sentence,) = BillingSettings.refusals(refused.value)
    assert sentence.startswith("BILLING_JWKS is wrong")
    assert reason in sentence
    assert "secret" not in sentence


class TradeSettings(CallingServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TRADE_")


def test_what_must_be_set_is_said_in_a_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRADE_REST_PORT", "hunter2")
    with pytest.raises(ValidationError) as caught:
        TradeSettings()  # type: ignore[call-arg]  # what is missing is the test
    port, key = sorted(TradeSettings.refusals(caught.value))
    assert port.startswith("TRADE_REST_PORT is wrong: Input should be a valid integer")
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


def test_every_setting_of_the_rest_edge_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TRUSTED_PROXIES": '["10.0.0.0/8"]',
        "REST_FORWARDED_HEADER": "forwarded",
        "REST_ENCODINGS": '["gzip"]',
        "REST_BODIES_BYTES": "5000",
        "REST_DOCS": "false",
        "REST_METRICS": "true",
        "REST_PROBES": "false",
        "REST_SYSTEM_RATE": "7",
        "REST_HSTS_SECONDS": "60",
        "REST_HSTS_SUBDOMAINS": "true",
        "CORS_ORIGINS": '["https://shop.example"]',
        "CORS_CREDENTIALS": "true",
    }.items():
        monkeypatch.setenv(name, value)
    options = rest_options(ServiceSettings())
    assert (options.trusted_proxies, options.forwarded_header) == (("10.0.0.0/8",), "forwarded")
    assert (options.codings, options.system_rate, options.hsts) == (("gzip",), 7.0, 60)
    assert options.hsts_subdomains and options.bodies_bytes == 5000
    assert (options.docs, options.metrics, options.probes) == (False, True, False)
    assert (options.cors_origins, options.cors_credentials) == (("https://shop.example",), True)


@pytest.mark.parametrize(("admin_port", "served"), [("0", True), ("9000", False)])
def test_metrics_leave_the_api_port_once_there_is_an_admin_port(
    monkeypatch: pytest.MonkeyPatch, admin_port: str, served: bool
) -> None:
    monkeypatch.setenv("ADMIN_PORT", admin_port)
    assert rest_options(ServiceSettings()).metrics is served


class KeyedSettings(BillingSettings):
    key_secret: StrongSecret
    webhook_secrets: tuple[StrongText, ...] = Field(repr=False)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("abc", "it has 3 characters and needs 16 or more; `openssl rand -base64 32` writes one"),
        ("0" * 43, "it repeats a few characters, which can be guessed"),
        ("hunter2-" * 4, "it repeats a few characters, which can be guessed"),
    ],
)
def test_a_secret_that_can_be_guessed_is_refused(secret: str, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        KeyedSettings(key_secret=SecretStr(secret), webhook_secrets=(secret,))
    refusals = KeyedSettings.refusals(caught.value)
    assert [each.partition(" is wrong: ")[2].startswith(reason) for each in refusals] == [True, True]
    assert not any("hunter2" in each for each in refusals)
    KeyedSettings(key_secret=SecretStr("sixteen letters!"), webhook_secrets=())


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("CORS_ORIGINS", '["https://*.shop.example"]', "without a path, a wildcard or the default port"),
        ("CORS_ORIGINS", '["https://shop.example:443"]', "the default port"),
        ("CORS_ORIGINS", '["http://shop.example:80"]', "the default port"),
        ("CORS_ORIGINS", '["https://ann@shop.example"]', "write scheme://host"),
        ("CORS_ORIGINS", '["https://shop.example?"]', "write scheme://host"),
        ("CORS_ORIGINS", '["https://shop.example:"]', "write scheme://host"),
        ("CORS_ORIGINS", '["https://shop.example "]', "write scheme://host"),
        ("TRUSTED_PROXIES", '["0.0.0.0/0"]', "trusts everybody"),
        ("TRUSTED_PROXIES", '["10.0.0.0/8", "::/0"]', "trusts everybody"),
        ("TRUSTED_PROXIES", '["::ffff:0.0.0.0/96"]', "trusts everybody"),
        ("RPC_TARGET", "https://billing-rpc:9090", "is host:port, without https://"),
        ("RPC_TARGET", "grpc://billing-rpc:9090", "is host:port, without grpc://"),
        ("RPC_TARGET", "billing-rpc", "names no port"),
        ("RPC_TARGET", "billing-rpc:", "names no port"),
    ],
)
def test_a_value_that_would_silently_do_nothing_or_too_much_is_refused(
    variable: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BILLING_{variable}", value)
    monkeypatch.setenv("BILLING_SERVICE_KEY", "key.pem")
    with pytest.raises(ValidationError) as refused:
        BillingSettings()
    [sentence] = BillingSettings.refusals(refused.value)
    assert sentence.startswith(f"BILLING_{variable} is wrong: ") and reason in sentence


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CORS_ORIGINS", '["https://shop.example", "http://localhost:3000", "https://[2001:db8::1]:8443"]'),
        ("CORS_ORIGINS", '["https://xn--bcher-kva.example:80"]'),
        ("RPC_TARGET", "billing-rpc:9090"),
        ("RPC_TARGET", "[2001:db8::1]:9090"),
        ("RPC_TARGET", "dns:///billing-rpc:9090"),
        ("RPC_TARGET", "unix:/run/billing.sock"),
        ("RPC_TARGET", ""),
        ("TRUSTED_PROXIES", '["10.0.0.0/8", "fd00::/8", "192.0.2.1"]'),
    ],
)
def test_its_good_forms_are_taken(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"BILLING_{variable}", value)
    monkeypatch.setenv("BILLING_SERVICE_KEY", "key.pem")
    BillingSettings()
