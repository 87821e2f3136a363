"""Seeds for the operations of user: stored data that lets them succeed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import httpx
from aether_adapters.testing.waiting import eventually

from tests.fuzz.fuzzing import Case
from tests.fuzz.seeding import NUMBERS, Headers, Recipes, at_version, body, done

PASSWORD: Final = "correct horse battery staple"
_TOKENS_AT_ONCE: Final = 20
_TOKEN_CHARACTERS: Final = 43


class People:
    """Registers the users that a case needs; `boss` is an operator's client."""

    def __init__(self, boss: httpx.Client) -> None:
        self.boss = boss

    def names(self) -> dict[str, str]:
        """Return a new username and mobile."""
        number = next(NUMBERS)
        return {"username": f"seed-{number}", "mobile": f"+49{number:012}"}

    def person(self, *roles: str, **more: str) -> dict[str, Any]:
        """Register a user, a customer or with these roles, and `more` in the body. Return the profile."""
        user = done(self.boss.post("/v1/users", json={**self.names(), "password": PASSWORD, **more}))
        if roles:
            path, change = f"/v1/users/{user['id']}/roles", {"roles": roles}
            user = done(self.boss.put(path, json=change, headers=at_version(user["version"])))
        return dict(user)

    def sign_in(self, user: dict[str, Any]) -> dict[str, Any]:
        """Open a session. Return its tokens."""
        credentials = {"login": user["username"], "password": PASSWORD}
        return dict(done(self.boss.post("/v1/sessions", json=credentials)))


class UserSeeds:
    """Seeds for the cases of `own`, the client of the user `own_id`."""

    def __init__(self, people: People, own: httpx.Client, own_id: str, mail: Path) -> None:
        """`mail` is the folder that user's messages are written into."""
        self.people = people
        self.mail = mail
        self.tokens: list[str] = []
        self.own = own
        self.own_id = own_id
        self.guest = people.person()
        """Use another user, because many sign-ins would give the caller many sessions."""
        recipes = Recipes(
            {
                "register": self.register,
                "readUser": self.read_user,
                "setRoles": self.set_roles,
                "banUser": self.ban_user,
                "unbanUser": self.unban_user,
                "signIn": self.sign_in,
                "signOut": self.sign_out,
                "signOutEverywhere": self.sign_out_everywhere,
                "refreshTokens": self.refresh_tokens,
                "changeProfile": self.change_profile,
                "endSession": self.end_session,
                "changePassword": self.change_password,
                "requestPasswordReset": self.request_password_reset,
                "resetPassword": self.reset_password,
            },
            always=frozenset(
                {"signOut", "signOutEverywhere", "changePassword"}
            ),  # otherwise they would end the caller's session
        )
        self.sow = recipes.sow

    def register(self, case: Case) -> None:
        body(case).update(self.people.names())

    def read_user(self, case: Case) -> None:
        case.path_parameters["id"] = self.own_id

    def set_roles(self, case: Case) -> None:
        case.path_parameters["id"] = self.people.person()["id"]
        case.headers.update(at_version(1))

    def ban_user(self, case: Case) -> None:
        case.path_parameters["id"] = self.people.person()["id"]

    def unban_user(self, case: Case) -> None:
        self.ban_user(case)
        done(self.people.boss.post(f"/v1/users/{case.path_parameters['id']}/ban"))

    def sign_in(self, case: Case) -> None:
        body(case).update(login=self.guest["username"], password=PASSWORD)

    def sign_out(self, case: Case) -> Headers:
        return {"Authorization": f"Bearer {self.people.sign_in(self.guest)['accessToken']}"}

    def sign_out_everywhere(self, case: Case) -> Headers:
        return {"Authorization": f"Bearer {self.people.sign_in(self.people.person())['accessToken']}"}

    def refresh_tokens(self, case: Case) -> None:
        body(case)["refreshToken"] = self.people.sign_in(self.guest)["refreshToken"]

    def end_session(self, case: Case) -> Headers:
        tokens = self.people.sign_in(self.guest)
        headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
        (current,) = (
            session["id"]
            for session in done(self.people.boss.get("/v1/sessions", headers=headers))["sessions"]
            if session["current"]
        )
        case.path_parameters["id"] = current
        return headers

    def change_password(self, case: Case) -> Headers:
        body(case).update(oldPassword=PASSWORD, newPassword=PASSWORD)
        return {"Authorization": f"Bearer {self.people.sign_in(self.people.person())['accessToken']}"}

    def request_password_reset(self, case: Case) -> None:
        body(case)["login"] = self.guest["username"]

    def reset_password(self, case: Case) -> None:
        if not self.tokens:
            self.tokens = self._some_tokens()
        body(case).update(token=self.tokens.pop(), newPassword=PASSWORD)

    def _some_tokens(self) -> list[str]:
        """Return tokens for as many users, because the worker sends messages only once a second."""
        email = f"seed-{next(NUMBERS)}@example.org"
        for _ in range(_TOKENS_AT_ONCE):
            login = self.people.person(email=email)["username"]
            assert self.people.boss.post("/v1/password-resets", json={"login": login}).status_code == 202

        def letters() -> list[str]:
            texts = [path.read_text() for path in self.mail.glob("*.eml")]
            return [text for text in texts if f"To: {email}" in text]

        eventually(lambda: len(letters()) == _TOKENS_AT_ONCE, "the messages are sent")
        return [text.partition("Use this token: ")[2][:_TOKEN_CHARACTERS] for text in letters()]

    def change_profile(self, case: Case) -> None:
        case.headers.update(at_version(done(self.own.get("/v1/me"))["version"]))
