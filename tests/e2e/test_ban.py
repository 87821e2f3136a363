"""A ban in the course shop: every API soon refuses the banned user's token."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

pytestmark = pytest.mark.prove

ROOT = Path(__file__).parents[2]
AETHER = str(Path(sys.executable).with_name("aether"))
BAN_LIMIT_SECONDS = 2.0
"""How long a ban may take to reach every API in normal operation."""
ADA = {"username": "ada", "mobile": "+8613800138000", "password": "correct horse"}


@dataclass(frozen=True)
class Shop:
    """Every domain, each with a path that needs a token."""

    apis: dict[str, httpx.Client]
    own: dict[str, str]
    operator: dict[str, str]

    def refusing(self, headers: dict[str, str]) -> set[str]:
        """Return the APIs that refuse this token."""
        return {
            name
            for name, api in self.apis.items()
            if api.get(self.own[name], headers=headers).status_code == 401
        }


def callers_path(domain: str) -> str:
    """Return the path of the contract's first GET that has no path parameters and needs a caller."""
    contract = yaml.safe_load((ROOT / f"openapi/gen/aether_openapi/{domain}.yaml").read_text())
    for path, methods in contract["paths"].items():
        if "{" not in path and "security" not in methods.get("get", {"security": []}):
            return f"/v1{path}"
    raise LookupError(domain)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    words = [AETHER, "run", "--json", "--port-base", "0", "--data", str(folder)]
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("w"))
        process = stack.enter_context(
            subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        )
        stack.callback(process.terminate)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "log").read_text()
        domains = json.loads(line)["domains"]
        token = [AETHER, "token", "--subject", "9000", "--role", "operator"]
        operator = subprocess.run(token, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        yield Shop(
            apis={
                name: stack.enter_context(httpx.Client(base_url=each["rest"]))
                for name, each in domains.items()
            },
            own={name: callers_path(name) for name in domains},
            operator={"authorization": f"Bearer {operator}"},
        )


def test_every_api_refuses_a_banned_user_within_two_seconds(shop: Shop) -> None:
    user = shop.apis["user"]
    registered = user.post("/v1/users", json=ADA).json()
    signed_in = user.post("/v1/sessions", json={"login": "ada", "password": ADA["password"]})
    headers = {"authorization": f"Bearer {signed_in.json()['accessToken']}"}
    assert shop.refusing(headers) == set()
    assert user.post(f"/v1/users/{registered['id']}/ban", headers=shop.operator).status_code == 200
    banned = time.monotonic()
    while shop.refusing(headers) != set(shop.apis):
        assert time.monotonic() - banned < BAN_LIMIT_SECONDS
        time.sleep(0.02)
    assert shop.refusing(shop.operator) == set(), "other users are refused"
