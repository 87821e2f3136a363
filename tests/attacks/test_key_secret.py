"""USER_KEY_SECRET is replaced while the service runs, as the README of user says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aether_adapters.testing.waiting import eventually

from tests.attacks.accounts import Accounts, accounts_of

OLD = "the secret that leaked 4711"
NEW = "the secret that replaces it 4712"


def works(accounts: Accounts, login: str, *tokens: str) -> str:
    """Sign in, and use the new token and the others. Return the new one."""
    answer = accounts.sign_in(login)
    assert answer.status_code == 201, answer.text
    token = str(answer.json()["accessToken"])
    for each in (token, *tokens):
        with accounts.client(token=each) as client:
            assert client.get("/v1/me").status_code == 200
    return token


@pytest.mark.prove
def test_the_secret_is_replaced_in_three_steps_and_no_sign_in_fails(tmp_path: Path) -> None:
    """In each step processes of the step before run beside those of the next."""
    with accounts_of(tmp_path, KEY_SECRET=OLD, ACCOUNT_BURST="1000", DOOR_BURST="1000") as before:
        name = before.register()
        first = works(before, name)
        with before.another(OLD_KEY_SECRETS=json.dumps([NEW])) as both:
            works(both, name, works(before, name, first))
            with both.another(KEY_SECRET=NEW, OLD_KEY_SECRETS=json.dumps([OLD])) as replaced:
                eventually(
                    lambda: "encrypted with the present secret" in replaced.said(),
                    "the keys are encrypted anew",
                )
                second = works(replaced, name, works(both, name, first))
                sealed = replaced.run("seal-keys")
                assert (sealed.returncode, sealed.stdout[:2]) == (0, "0 "), sealed.stderr
                with replaced.another(OLD_KEY_SECRETS="[]") as after:
                    works(after, name, first, second, works(replaced, name))
        said = before.said()
    assert OLD not in said and NEW not in said


@pytest.mark.prove
def test_a_wrong_secret_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with accounts_of(tmp_path, KEY_SECRET=OLD) as accounts:
        works(accounts, accounts.register())
        refused = accounts.run("seal-keys", KEY_SECRET=NEW)
        assert refused.returncode == 1
        assert "USER_OLD_KEY_SECRETS" in refused.stderr
        done = accounts.run("seal-keys", KEY_SECRET=NEW, OLD_KEY_SECRETS=json.dumps([OLD]))
        assert (done.returncode, done.stdout[:2]) == (0, "1 "), done.stderr
        assert '"seal_keys"' in done.stderr, "the audit log records it"
        assert OLD not in done.stdout + done.stderr + refused.stderr
