"""Password resets and changes against a real process: nobody learns who exists, and what was stolen ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default

import httpx
import pytest
from aether_adapters.testing.waiting import eventually

from tests.attacks.accounts import PASSWORD, Accounts, accounts_of

NEW = "another unusual horse 4711"
LINK = "https://shop.example.org/reset#{token}"


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    folder = tmp_path_factory.mktemp("accounts")
    with accounts_of(folder, MAIL_URL=f"file:{folder / 'mail'}", RESET_LINK=LINK) as accounts:
        yield accounts


def ask(accounts: Accounts, login: str, address: str = "192.0.2.1") -> httpx.Response:
    with accounts.client(address) as client:
        return client.post("/v1/password-resets", json={"login": login})


def confirm(accounts: Accounts, token: str, password: str = NEW) -> httpx.Response:
    with accounts.client() as client:
        return client.post("/v1/password-resets/confirm", json={"token": token, "newPassword": password})


def mail_to(accounts: Accounts, email: str) -> list[str]:
    """Return the tokens that were sent to this address."""
    letters = [
        message_from_bytes(path.read_bytes(), policy=default)
        for path in (accounts.folder / "mail").glob("*.eml")
    ]
    texts = [letter.get_content() for letter in letters if letter["To"] == email]
    return [re.findall(r"reset#(\S+)", text)[0] for text in texts]


def test_a_reset_ends_what_an_intruder_has_and_its_token_is_in_the_mail_only(accounts: Accounts) -> None:
    name = accounts.register(email="ada@example.org")
    stolen = accounts.sign_in(name).json()
    assert ask(accounts, name).status_code == 202
    eventually(lambda: len(mail_to(accounts, "ada@example.org")) == 1, "the message is sent")
    (token,) = mail_to(accounts, "ada@example.org")
    assert confirm(accounts, token, "password1").json()["type"] == "/problems/user/password-guessable"
    assert confirm(accounts, token).status_code == 204
    assert confirm(accounts, token).status_code == 401
    assert accounts.sign_in(name).status_code == 401
    assert accounts.sign_in(name, NEW).status_code == 201
    with accounts.client(token=stolen["accessToken"]) as intruder:
        eventually(lambda: intruder.get("/v1/me").status_code == 401, "the access token ends")
        refresh = intruder.post("/v1/sessions/refresh", json={"refreshToken": stolen["refreshToken"]})
        assert refresh.status_code == 401
    said = accounts.said()
    stored = b"".join(path.read_bytes() for path in accounts.folder.glob("user.db*"))
    for secret in (token, PASSWORD, NEW):
        assert secret not in said
        assert secret.encode() not in stored


def test_a_request_tells_nobody_who_exists_and_is_limited_alike(accounts: Accounts) -> None:
    accounts.register(email="bob@example.org")
    known = accounts.register(email="eve@example.org")
    seen = []
    for login, network in ((known, 1), ("nobody-at-all", 2)):
        answers = [ask(accounts, login, f"2001:db8:{network}:{number}::1") for number in range(7)]
        assert all(answer.headers["retry-after"] for answer in answers[5:])
        seen.append([(answer.status_code, answer.content) for answer in answers[:5]])
        assert [answer.status_code for answer in answers[5:]] == [429, 429]
    assert seen[0] == seen[1] == [(202, b"")] * 5
    eventually(lambda: len(mail_to(accounts, "eve@example.org")) == 5, "the messages are sent")
    assert mail_to(accounts, "bob@example.org") == []


def test_a_stolen_access_token_is_not_enough_to_take_an_account_over(accounts: Accounts) -> None:
    """It can neither guess the password without limit, nor send the token of a reset elsewhere."""
    name = accounts.register(email="cy@example.org")
    with accounts.client("203.0.113.1", accounts.sign_in(name).json()["accessToken"]) as thief:
        guesses = [
            thief.put("/v1/me/password", json={"oldPassword": f"wrong {number}", "newPassword": NEW})
            for number in range(12)
        ]
        assert [guess.status_code for guess in guesses] == [403] * 10 + [429] * 2
        profile = thief.get("/v1/me")
        moved = thief.patch(
            "/v1/me", json={"email": "thief@example.org"}, headers={"if-match": profile.headers["etag"]}
        )
        assert moved.status_code == 200
    assert ask(accounts, name).status_code == 202
    eventually(lambda: len(mail_to(accounts, "cy@example.org")) == 1, "the former address gets the token")
    assert mail_to(accounts, "thief@example.org") == []


def test_a_changed_password_leaves_the_session_that_changed_it(accounts: Accounts) -> None:
    name = accounts.register("192.0.2.50")
    other, own = (accounts.sign_in(name, address="192.0.2.50").json() for _ in range(2))
    with accounts.client("192.0.2.50", own["accessToken"]) as client:
        changed = client.put("/v1/me/password", json={"oldPassword": PASSWORD, "newPassword": NEW})
        assert (changed.status_code, changed.content) == (204, b"")

        def refresh(tokens: dict[str, str]) -> httpx.Response:
            return client.post("/v1/sessions/refresh", json={"refreshToken": tokens["refreshToken"]})

        assert refresh(other).status_code == 401
        assert refresh(own).status_code == 200
        eventually(lambda: client.get("/v1/me").status_code == 401, "earlier access tokens end")
    assert accounts.sign_in(name, address="192.0.2.50").status_code == 401


def test_a_user_ends_the_session_of_a_lost_device(accounts: Accounts) -> None:
    name = accounts.register("192.0.2.60")
    lost, own = (accounts.sign_in(name, address="192.0.2.60").json() for _ in range(2))
    with accounts.client("192.0.2.60", own["accessToken"]) as client:
        sessions = client.get("/v1/sessions").json()["sessions"]
        (other,) = (session["id"] for session in sessions if not session["current"])
        assert client.delete(f"/v1/sessions/{other}").status_code == 204
        assert client.delete(f"/v1/sessions/{other}").status_code == 204, "it may be repeated"
        assert [session["id"] for session in client.get("/v1/sessions").json()["sessions"]] != [other]
        gone = client.post("/v1/sessions/refresh", json={"refreshToken": lost["refreshToken"]})
        assert gone.status_code == 401
        assert client.get("/v1/me").status_code == 200
    with accounts.client(token=lost["accessToken"]) as thief:
        eventually(lambda: thief.get("/v1/me").status_code == 401, "its access token ends")
