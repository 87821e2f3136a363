"""Settings are read from files too; what is wrong with one is said in a sentence that names the variable."""

from __future__ import annotations

from pathlib import Path

import pytest
from aether_adapters.service.secret_files import WrongVariables, file_of
from aether_adapters.service.settings import ServiceSettings
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict


class BillingSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BILLING_")

    key_secret: SecretStr = SecretStr("")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of secrets, which the settings name."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv("BILLING_SECRETS_DIR", str(folder))
    return folder


def refused() -> list[str]:
    with pytest.raises(WrongVariables) as caught:
        BillingSettings()
    return BillingSettings.refusals(caught.value)


def test_a_variable_names_the_file_that_holds_the_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, proxies = tmp_path / "url", tmp_path / "proxies"
    url.write_text("mysql://ann:hunter2@db/x\r\n")
    proxies.write_text('["10.0.0.0/8"]')
    monkeypatch.setenv("BILLING_DATABASE_URL_FILE", str(url))
    monkeypatch.setenv("BILLING_TRUSTED_PROXIES_FILE", str(proxies))
    settings = BillingSettings()
    assert (settings.database_url, settings.trusted_proxies) == ("mysql://ann:hunter2@db/x", ("10.0.0.0/8",))
    assert "hunter2" not in repr(settings) and settings.secrets() == ["hunter2"]
    assert file_of(BillingSettings, "database_url") == url
    assert file_of(BillingSettings, "redis_url") is None


def test_the_mark_at_the_beginning_of_a_file_is_no_part_of_the_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from Windows\r\n", encoding="utf-8-sig")
    monkeypatch.setenv("BILLING_KEY_SECRET_FILE", str(tmp_path / "secret"))
    assert BillingSettings().key_secret.get_secret_value() == "from Windows"


def test_a_folder_whose_name_no_system_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_SECRETS_DIR", "x" * 5000)
    assert refused() == [f"BILLING_SECRETS_DIR: {'x' * 5000} is no folder."]


@pytest.mark.parametrize("name", ["BILLING_KEY_SECRET", "billing_key_secret"])
def test_a_folder_holds_values_by_name(name: str, folder: Path) -> None:
    (folder / name).write_text("from the folder\n")
    assert BillingSettings().key_secret.get_secret_value() == "from the folder"


def test_a_variable_that_is_set_twice_is_refused(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("b")
    (folder / "BILLING_REDIS_URL").write_text("c")
    monkeypatch.setenv("BILLING_KEY_SECRET", "a")
    monkeypatch.setenv("BILLING_KEY_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("BILLING_REDIS_URL_FILE", str(tmp_path / "secret"))
    assert sorted(refused()) == [
        "BILLING_KEY_SECRET is set twice, by BILLING_KEY_SECRET and BILLING_KEY_SECRET_FILE: keep one of them.",
        f"BILLING_REDIS_URL is set twice, by BILLING_REDIS_URL_FILE and {folder}/BILLING_REDIS_URL: keep one of them.",
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("BILLING_KEY_SECRET_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("BILLING_REDIS_URL_FILE", str(tmp_path / "binary"))
    monkeypatch.setenv("BILLING_DATABASE_URL_FILE", str(tmp_path))
    monkeypatch.setenv("BILLING_SECRETS_DIR", str(tmp_path / "no-folder"))
    assert sorted(refused()) == [
        f"BILLING_DATABASE_URL_FILE: {tmp_path} cannot be read (Is a directory).",
        f"BILLING_KEY_SECRET_FILE: {tmp_path}/none cannot be read (No such file or directory).",
        f"BILLING_REDIS_URL_FILE: {tmp_path}/binary cannot be read (it is no text in UTF-8).",
        f"BILLING_SECRETS_DIR: {tmp_path}/no-folder is no folder.",
    ]


def test_what_bears_a_secrets_name_in_the_folder_and_is_no_file_is_refused(folder: Path) -> None:
    """Docker makes a folder in place of a file that is missing, and a link may outlive what it leads to."""
    (folder / "BILLING_REDIS_URL").mkdir()
    (folder / "BILLING_KEY_SECRET").symlink_to(folder / "gone")
    (folder / "..data").mkdir()
    assert refused() == [
        f"{folder}/BILLING_REDIS_URL: {folder}/BILLING_REDIS_URL cannot be read (Is a directory).",
        f"{folder}/BILLING_KEY_SECRET: {folder}/BILLING_KEY_SECRET cannot be read (No such file or directory).",
    ]
