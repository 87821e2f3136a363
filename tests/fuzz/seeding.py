"""Shared code of the seeds: stored objects in a state that lets an operation succeed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

import httpx

from tests.fuzz.fuzzing import RETRY_TIMEOUT_SECONDS, Case, within_int64

UNSEEDED_EVERY: Final = 4
"""One in this many positive cases is sent without seeding."""
LATE: Final = "9999-01-01T00:00:00Z"
NUMBERS: Final = count(1)
"""Unique numbers, for values that must be new."""

Headers = Mapping[str, str]
Recipe = Callable[[Case], Headers | None]


class Recipes:
    """The seeding of each operation's cases, by its name; an operation without a recipe needs none."""

    def __init__(self, recipes: Mapping[str, Recipe], *, always: frozenset[str] = frozenset()) -> None:
        self._recipes = recipes
        self._always = always
        self._turn = count()

    def sow(self, case: Case, name: str) -> Headers:
        """Seed a case, but leave one in a few as drawn, unless the operation is seeded `always`."""
        as_drawn = next(self._turn) % UNSEEDED_EVERY == 0 and name not in self._always
        if as_drawn or name not in self._recipes:
            _keep_to_64_bits(case)
            return {}
        return self._recipes[name](case) or {}


def _keep_to_64_bits(case: Case) -> None:
    for name, value in case.path_parameters.items():
        case.path_parameters[name] = within_int64(value)
    if isinstance(case.body, dict):
        case.body.update(within_int64(case.body))


def body(case: Case) -> dict[str, Any]:
    """Return the body of a case, an object that may be changed."""
    assert isinstance(case.body, dict), case.body
    return case.body


def done(answer: httpx.Response) -> Any:
    """Return the body of an answer. Fails the test if it is not a success."""
    assert answer.is_success, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    return answer.json()


def eventually(not_yet: int, ask: Callable[[], httpx.Response]) -> Any:
    """Call `ask` until its status is no longer `not_yet`. Return the body."""
    give_up = time.monotonic() + RETRY_TIMEOUT_SECONDS
    while (answer := ask()).status_code == not_yet and time.monotonic() < give_up:
        time.sleep(0.05)
    return done(answer)


def at_version(number: int | str) -> dict[str, str]:
    return {"If-Match": f'"{number}"'}


def page_after(client: httpx.Client, path: str) -> str:
    """Return the token of a list's second page."""
    token = done(client.get(path, params={"pageSize": 1}))["nextPageToken"]
    assert token, f"{path} has only one page"
    return str(token)
