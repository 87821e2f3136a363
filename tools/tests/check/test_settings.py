"""Each setting is described, and a secret is typed as one and has no default."""

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
        ("rate: float = Field(default=1.0, description='x')", ""),
        ("key_days: float = Field(default=30.0, description='x')", ""),
        ("mail_token: SecretStr = Field(description='x')", ""),
        ("mail_token: SecretStr | None = Field(default=None, description='x')", ""),
        ("mail_secrets: tuple[str, ...] = Field(repr=False, description='x')", ""),
    ],
)
def test_a_setting_is_judged_at_its_line(shop: Shop, field: str, code: str) -> None:
    shop.write(SETTINGS, f"{HEAD}{field}\n")
    assert said(shop.check_files()) == ([f"{code} {SETTINGS}:5:5"] if code else [])
