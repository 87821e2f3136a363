"""Many sign-ins at once: hashing passwords takes neither the threads nor the processors of other requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
from aether_adapters.grpc import Channel
from aether_adapters.kernel.problems import RemoteError

from aether.user.v1 import grpc, types
from tests.attacks.accounts import PASSWORD, Accounts, accounts_of

AT_ONCE = 30


def rush(accounts: Accounts, path: str, seconds: float = 3.0) -> list[httpx.Response]:
    """Send `AT_ONCE` requests to `path` at once, each from another address, again and again. Return the answers."""
    until = monotonic() + seconds

    def insist(number: int) -> list[httpx.Response]:
        answers: list[httpx.Response] = []
        with accounts.client(f"203.0.113.{number}") as client:
            while monotonic() < until:
                name = f"rush-{number}-{len(answers)}"
                body = (
                    {"login": name, "password": "wrong password"}
                    if path == "/v1/sessions"
                    else {"username": name, "mobile": f"+1{number:03}{len(answers):07}", "password": PASSWORD}
                )
                answers.append(client.post(path, json=body))
                sleep(0.3)  # only passwords shall be expensive here
        return answers

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [answer for answers in pool.map(insist, range(AT_ONCE)) for answer in answers]


@pytest.mark.prove
@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/users"])
def test_a_rush_of_passwords_harms_no_stranger(tmp_path: Path, path: str) -> None:
    """Passwords cost what they cost in production. A call that waits for a hash might hold its thread for a minute.

    Nor does it keep users out who sign in from where they have signed in before.
    """
    with (
        accounts_of(tmp_path, cheap=False, DEADLINE_SECONDS="60") as accounts,
        accounts.stranger() as stranger,
        stranger.unharmed(),
    ):
        home = "192.0.2.30"
        name = accounts.register(home)
        assert accounts.sign_in(name, address=home).status_code == 201
        with ThreadPoolExecutor(1) as pool:
            rushing = pool.submit(rush, accounts, path, 4.0)
            sleep(0.5)
            again = [accounts.sign_in(name, address=home).status_code for _ in range(3)]
            answers = rushing.result()
    assert again == [201] * 3, "whoever signs in from where they did before gets a place"
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {401, 201, 429}, statuses
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused, "nothing was refused, so the rush was none"
    assert all(answer.headers["retry-after"] for answer in refused)
    assert len(refused) < len(answers), "the service goes on hashing under the rush"


@pytest.mark.prove
def test_a_password_that_is_slow_to_normalize_harms_no_stranger(tmp_path: Path) -> None:
    """Bringing n combining marks into their canonical order takes n² steps, and holds the interpreter's lock.

    REST limits a password's length by its contract, gRPC does not.
    """
    slow = "a" + "\u0301\u0316" * 100_000
    sign_in = types.SignInRequest(login="ada", password=slow, client_address="203.0.113.200")
    register = types.RegisterRequest(username="slow", mobile="+4917", password=slow, display_name=slow)
    with (
        accounts_of(tmp_path) as accounts,
        accounts.stranger() as stranger,
        Channel(accounts.grpc) as channel,
        stranger.unharmed(),
    ):
        client = grpc.client(channel)
        with pytest.raises(RemoteError) as refused:
            client.sign_in(sign_in)
        assert refused.value.problem.status == 422
        with pytest.raises(RemoteError) as refused:
            client.register(register)
        assert refused.value.problem.status == 422
