"""The search finds secrets that a process logs, however the test came by them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.secrets_in_logs import Watch

_SAYS = """
import os, sys
print("nothing to see")
for each in sys.argv[1:]:
    print("got", each)
print("connecting with", os.environ["BILLING_KEY_SECRET"])
"""


def test_passwords_tokens_and_secrets_of_variables_are_found(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            201, json={"accessToken": "issued-token", "nextPageToken": "page-token", "expiresIn": 5}
        )

    watch = Watch()
    with pytest.MonkeyPatch.context() as patch:
        watch.install(patch)
        with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://shop") as client:
            client.post(
                "/v1/sessions",
                json={"login": "ann", "password": "hunter2hunter2"},
                headers={"authorization": "Bearer sent-token-of-a-user"},
            )
        environment = {
            "BILLING_KEY_SECRET": '["first-secret"]',
            "BILLING_REDIS_URL": "redis://:redis-password@r/0",
        }
        with (tmp_path / "role.log").open("wb") as log:
            said = [
                "page-token",
                "hunter2hunter2",
                "issued-token",
                "sent-token-of-a-user",
                "redis-password",
                "x://u:other@h",
            ]
            subprocess.Popen([sys.executable, "-c", _SAYS, *said], stdout=log, env=environment).wait()
    found = watch.found()
    (tmp_path / "role.log").unlink()  # else the search at the end of the run finds them too
    assert [each.partition(" shows ")[0].rpartition(":")[2] for each in found] == list("345678")
    assert not any(secret in "".join(found) for secret in watch.secrets)
