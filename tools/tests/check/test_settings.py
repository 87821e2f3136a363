"""Each setting is typed, described and used, and a secret is typed as one and has no default."""

from __future__ import annotations

import pytest

from .conftest import PACKAGE, Shop, said

SETTINGS = f"{PACKAGE}/settings.py"
HEAD = (
    "from aether_adapters.service.settings import ServiceSettings\nfrom pydantic import Field, SecretStr\n\n"
    "class Settings(ServiceSettings):\n    "
)


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("rate: float = 1.0", "setting-undocumented"),
        ("rate: float = Field(default=1.0, gt=0)", "setting-undocumented"),
        ("mail_password: str = Field(description='x')", "setting-secret"),
        ("api_key: str | None = Field(default=None, description='x')", "setting-secret"),
        ("mail_token: SecretStr = Field(default=SecretStr('abc'), description='x')", "setting-default"),
        ("mail_secret: SecretStr = Field('abc', description='x')", "setting-default"),
        ("rate: object = Field(default=1.0, description='x')", "setting-untyped"),
        ("rate: float = Field(default=1.0, description='')", "setting-undocumented"),
        ("rate: float = Field(default=1.0, description='x')", ""),
        ("key_days: float = Field(default=30.0, description='x')", ""),
        ("mail_token: SecretStr = Field(description='x')", ""),
        ("mail_token: SecretStr | None = Field(default=None, description='x')", ""),
        ("mail_secrets: tuple[str, ...] = Field(repr=False, description='x')", ""),
    ],
)
def test_a_setting_is_judged_at_its_line(shop: Shop, field: str, code: str) -> None:
    used = f"\n    def used(self) -> object:\n        return self.{field.partition(':')[0]}\n"
    shop.write(SETTINGS, f"{HEAD}{field}\n{used}")
    assert said(shop.check_files()) == ([f"{code} {SETTINGS}:5:5"] if code else [])


def test_a_setting_that_the_kit_does_not_have_must_be_used(shop: Shop) -> None:
    shop.write(SETTINGS, f"{HEAD}rate: float = Field(default=1.0, description='x')\n")
    assert said(shop.check_files()) == [f"setting-unused {SETTINGS}:5:5"]
    shop.write(SETTINGS, f"{HEAD}threads: int = Field(default=1, description='x')\n")
    assert shop.check_files() == []


def test_a_setting_without_a_type_is_one_finding_though_the_class_cannot_be_made(shop: Shop) -> None:
    shop.write(SETTINGS, f"{HEAD}threads = Field(default=1, description='x')\n")
    shop.add("container.py", "from acme_billing.settings import Settings")
    assert said(shop.check()) == [f"setting-untyped {SETTINGS}:5:5"]


def test_a_misspelt_setting_for_development_is_one_finding(shop: Shop) -> None:
    shop.write(
        SETTINGS,
        HEAD.replace("    ", '    model_config = SettingsConfigDict(env_prefix="BILLING_")\n    ', 1),
    )
    shop.add("settings.py", "from pydantic_settings import SettingsConfigDict")
    shop.add("container.py", "from acme_billing.settings import Settings")
    container = f"{PACKAGE}/container.py"
    shop.replace(container, "Container):\n", "Container):\n    settings = providers.Singleton(Settings)\n")
    shop.write("domains/billing/pyproject.toml", '[tool.aether.development.settings]\nBILLING_THREAD = "3"\n')
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("setting-unknown", "domains/billing/pyproject.toml:2:1")
    assert finding.fix == "Write BILLING_THREADS."


def test_a_field_of_a_class_between_is_a_setting_too(shop: Shop) -> None:
    used = "\n    def used(self) -> object:\n        return self.rate\n"
    shop.write(
        SETTINGS,
        HEAD + "pass\n\n\nclass Own(Settings):\n    rate: float = Field(1.0, description='x')\n" + used,
    )
    shop.write("domains/billing/pyproject.toml", '[tool.aether.development.settings]\nBILLING_RATE = "3"\n')
    assert shop.check_files() == []
