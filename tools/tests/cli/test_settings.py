"""`aether settings`: the reference of every variable, from the settings classes themselves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .conftest import Aether, write

SETTINGS = """
from aether_adapters.service.settings import ServiceSettings, StrongSecret
from pydantic import Field
from pydantic_settings import SettingsConfigDict

print("noise")


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BILLING_")

    mail_secret: StrongSecret = Field(description="Signs mails; a|b.")
    mail_rate: float = Field(default=2.5, description="Mails per second.")
"""


@pytest.fixture
def path(workspace: Path) -> str:
    """PYTHONPATH of the workspace's domain billing, and of broken, whose settings cannot be imported."""
    for name, text in (("billing", SETTINGS), ("broken", "nonsense")):
        write(workspace / f"domains/{name}/pyproject.toml", f'[project]\nname = "acme-{name}"\n')
        write(workspace / f"domains/{name}/src/acme_{name}/settings.py", text)
    return os.pathsep.join(str(workspace / f"domains/{name}/src") for name in ("billing", "broken"))


def test_every_variable_is_told_with_type_default_secrecy_and_roles(
    aether: Aether, workspace: Path, path: str
) -> None:
    ran = aether("settings", "billing", "--json", cwd=workspace, PYTHONPATH=path)
    assert ran.code == 0, ran.err
    [billing] = json.loads(ran.out)
    told = {each.pop("variable"): each for each in billing["variables"]}
    assert told["BILLING_MAIL_SECRET"] == {
        "type": "text",
        "default": None,
        "secret": True,
        "needed_by": ["migrate", "api", "rpc", "worker"],
        "description": "Signs mails; a|b.",
    }
    assert told["BILLING_MAIL_RATE"]["default"] == "2.5"
    assert (told["BILLING_DATABASE_URL"]["secret"], told["BILLING_THREADS"]["secret"]) == (True, False)
    assert told["BILLING_KAFKA_BOOTSTRAP"]["needed_by"] == ["worker"]


def test_the_reference_is_a_table_for_people_and_for_a_page(
    aether: Aether, workspace: Path, path: str
) -> None:
    text = aether("settings", "billing", cwd=workspace, PYTHONPATH=path).out
    assert text.startswith("billing\n")
    [line] = [each for each in text.split("\n") if each.startswith("BILLING_MAIL_RATE ")]
    assert line.split() == ["BILLING_MAIL_RATE", "2.5", "number", "Mails", "per", "second."]
    page = aether("settings", "billing", "--markdown", cwd=workspace, PYTHONPATH=path).out
    row = "| `BILLING_MAIL_SECRET` | must be set | text | yes | migrate, api, rpc, worker | Signs mails; a\\|b. |"
    assert page.startswith("## billing\n\n| variable |")
    assert row in page.split("\n")


def test_a_domain_that_cannot_be_imported_does_not_hide_the_others(
    aether: Aether, workspace: Path, path: str
) -> None:
    write(workspace / "domains/apt/pyproject.toml", "[project]\n")
    write(workspace / "domains/apt/src/acme_apt/settings.py", "import os; os._exit(3)")
    everything = f"{path}{os.pathsep}{workspace / 'domains/apt/src'}"
    ran = aether("settings", "--json", cwd=workspace, PYTHONPATH=everything)
    assert ran.code == 2
    assert [each["domain"] for each in json.loads(ran.out)] == ["billing"]
    assert ran.err.split("\n") == [
        "aether: the settings of apt cannot be imported: it ended the process with code 3. `aether check apt` shows where.",
        "aether: the settings of broken cannot be imported: NameError: name 'nonsense' is not defined. "
        "`aether check broken` shows where.",
        "",
    ]
