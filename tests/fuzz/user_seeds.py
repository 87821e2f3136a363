"""Seeds for the operations of user: stored data that lets them succeed."""

from __future__ import annotations

from typing import Any, Final

import httpx

from tests.fuzz.fuzzing import Case
from tests.fuzz.seeding import NUMBERS, Headers, Recipes, at_version, body, done

PASSWORD: Final = "correct horse battery staple"


class People:
    """Registers the users that a case needs; `boss` is an operator's client."""

    def __init__(self, boss: httpx.Client) -> None:
        self.boss = boss

    def names(self) -> dict[str, str]:
        """Return a new username and mobile."""
        number = next(NUMBERS)
        return {"username": f"seed-{number}", "mobile": f"+49{number:012}"}

    def person(self, *roles: str) -> dict[str, Any]:
        """Register a user, a customer or with these roles. Return the profile."""
        user = done(self.boss.post("/v1/users", json={**self.names(), "password": PASSWORD}))
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

    def __init__(self, people: People, own: httpx.Client, own_id: str) -> None:
        self.people = people
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
            },
            always=frozenset(
                {"signOut", "signOutEverywhere"}
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

    def change_profile(self, case: Case) -> None:
        case.headers.update(at_version(done(self.own.get("/v1/me"))["version"]))
