"""Wrong passwords: they are bounded for each account, and do not keep the owner out, and tell nobody who exists."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aether_adapters.grpc import Channel
from aether_adapters.kernel.errors import Exhausted
from aether_adapters.kernel.problems import RemoteError

from aether.user.v1 import grpc, types
from tests.attacks.accounts import PASSWORD, Accounts, accounts_of

HOME = "192.0.2.10"
AWAY = "192.0.2.99"
ATTACKER = "203.0.113.5"


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """Accounts have as many tries as in production, and do not get new ones during a test."""
    folder, never = tmp_path_factory.mktemp("accounts"), "0.00001"
    with accounts_of(folder, ACCOUNT_RATE=never, STRANGERS_RATE=never) as accounts:
        yield accounts


def owner(accounts: Accounts, number: int) -> str:
    """Register a user who has signed in from `HOME`, each from an address of its own to register."""
    name = accounts.register(f"198.51.100.{number}")
    assert accounts.sign_in(name, address=HOME).status_code == 201
    return name


def attack(accounts: Accounts, login: str, address: str, tries: int) -> list[int]:
    """Try wrong passwords. Return the statuses of the answers."""
    return [accounts.sign_in(login, f"wrong {number}", address).status_code for number in range(tries)]


def test_tries_from_elsewhere_do_not_lock_the_owner_out_at_home(accounts: Accounts) -> None:
    name = owner(accounts, 1)
    assert attack(accounts, name, ATTACKER, 12)[-1] == 429
    assert accounts.sign_in(name, address=HOME).status_code == 201


def test_tries_of_one_address_do_not_lock_the_owner_out_at_a_new_one(accounts: Accounts) -> None:
    name = owner(accounts, 2)
    assert attack(accounts, name, "203.0.113.6", 14)[-1] == 429
    assert accounts.sign_in(name, address=AWAY).status_code == 201


def test_tries_of_very_many_addresses_end_and_the_owner_at_home_goes_on(accounts: Accounts) -> None:
    name = owner(accounts, 3)
    statuses = [
        status for number in range(60) for status in attack(accounts, name, f"2001:db8:0:{number:x}::1", 2)
    ]
    assert statuses.count(401) == 99
    assert statuses[-1] == 429
    assert accounts.sign_in(name, address=HOME).status_code == 201
    assert accounts.sign_in(name, address=AWAY).status_code == 429, "whoever guesses right is refused too"


def test_the_addresses_of_one_ipv6_network_share_their_tries(accounts: Accounts) -> None:
    name = owner(accounts, 4)
    statuses = [
        accounts.sign_in(name, "wrong", f"2001:db8:1:1::{number:x}").status_code for number in range(1, 13)
    ]
    assert statuses == [401] * 10 + [429] * 2
    assert accounts.sign_in(name, "wrong", "2001:db8:1:2::1").status_code == 401


def test_an_address_is_known_for_the_accounts_that_signed_in_there_and_no_other(accounts: Accounts) -> None:
    name, attacker = owner(accounts, 5), accounts.register("198.51.100.5")
    for number in range(60):
        address = f"2001:db8:2:{number:x}::1"
        if number == 59:
            assert accounts.sign_in(attacker, address=address).status_code == 201
        last = attack(accounts, name, address, 2)
    assert last == [429, 429], "the attacker's own account opens nobody else's"


def test_at_a_known_address_tries_end_too(accounts: Accounts) -> None:
    name = owner(accounts, 6)
    statuses = attack(accounts, name, HOME, 14)
    assert 429 in statuses[:11]
    with accounts.client(HOME) as home:
        refused = home.post("/v1/sessions", json={"login": name, "password": PASSWORD})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1


def test_an_account_that_does_not_exist_is_limited_alike(accounts: Accounts) -> None:
    name = accounts.register("198.51.100.7")

    def seen(login: str, network: int) -> list[tuple[int, str]]:
        answers = [
            accounts.sign_in(login, "wrong", f"2001:db8:{network:x}:{number // 12:x}::1")
            for number in range(130)
        ]
        return [(answer.status_code, answer.json()["type"]) for answer in answers]

    assert seen(name, 3) == seen("nobody-7", 4)


def test_nobody_spends_the_owners_tries_by_naming_the_owners_address(accounts: Accounts) -> None:
    """The request over gRPC has a field for the client's address; only a service's token makes it count."""
    name = owner(accounts, 8)
    with Channel(accounts.grpc) as channel:
        client = grpc.client(channel)
        for number in range(12):
            request = types.SignInRequest(login=name, password=f"wrong {number}", client_address=HOME)
            with pytest.raises((RemoteError, Exhausted)):
                client.sign_in(request)
    assert accounts.sign_in(name, address=HOME).status_code == 201
