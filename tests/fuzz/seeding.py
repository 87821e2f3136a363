"""What the seeds of the shop's domains share: things that exist, in a state that allows what is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

import httpx

from tests.fuzz.fuzzing import PATIENCE_SECONDS, Case, within_int64

AS_DRAWN_EVERY: Final = 4
"""Of so many positive cases one meets what is stored only by chance."""
LATE: Final = "9999-01-01T00:00:00Z"
NUMBERS: Final = count(1)
"""Numbers that are used once, for whatever must be new."""

Headers = Mapping[str, str]
Recipe = Callable[[Case], Headers | None]


class Recipes:
    """How to seed an operation's cases, by its name; what has no recipe needs nothing."""

    def __init__(self, recipes: Mapping[str, Recipe], *, always: frozenset[str] = frozenset()) -> None:
        self._recipes = recipes
        self._always = always
        self._turn = count()

    def sow(self, case: Case, name: str) -> Headers:
        """Seed a case, but leave one in a few as it was drawn, except of operations seeded `always`."""
        as_drawn = next(self._turn) % AS_DRAWN_EVERY == 0 and name not in self._always
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
    """The body of a case that has an object in it; to be changed."""
    assert isinstance(case.body, dict), case.body
    return case.body


def done(answer: httpx.Response) -> Any:
    """What was answered; fails the test where it was not accepted."""
    assert answer.is_success, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    return answer.json()


def eventually(not_yet: int, ask: Callable[[], httpx.Response]) -> Any:
    """What is answered once it is no longer the status `not_yet`."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while (answer := ask()).status_code == not_yet and time.monotonic() < give_up:
        time.sleep(0.05)
    return done(answer)


def at_version(number: int | str) -> dict[str, str]:
    return {"If-Match": f'"{number}"'}


def page_after(client: httpx.Client, path: str) -> str:
    """The token of a list's second page."""
    token = done(client.get(path, params={"pageSize": 1}))["nextPageToken"]
    assert token, f"{path} has one page"
    return str(token)
