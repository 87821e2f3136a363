"""A REST client of the shop that retries until there is an answer."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any, Final

import httpx

from tests.shop.system import NO_TLS, System

_LATER: Final = frozenset({429, 502, 503, 504})
"""Statuses after which the outcome of a request is unknown: it is sent again."""
_BEING_PLACED: Final = "/problems/trade/order-being-placed"
_ANSWER_TIMEOUT_SECONDS: Final = 240.0
"""After this time, a request without an answer is a fault of the shop."""
_LONGEST_PAUSE_SECONDS: Final = 1.0


class Unanswered(Exception):
    """The shop has not answered a request for minutes, in spite of retries."""


class ShopClient:
    """REST client of the three domains and the provider; counts answers by status and problem."""

    def __init__(self, shop: System, chance: Random) -> None:
        self._shop = shop
        self._chance = chance
        self._tokens: dict[tuple[str, ...], str] = {}
        self._client = httpx.AsyncClient(
            timeout=15, trust_env=False, verify=NO_TLS, limits=httpx.Limits(max_connections=100)
        )
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        """Answers that no client should ever get, whichever process dies."""

    async def ask(
        self,
        method: str,
        domain: str,
        path: str,
        subject: str,
        *roles: str,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> httpx.Response:
        """Send the request until it is answered. Return the answer. Raises `Unanswered`."""
        token = token or self._token(subject, *roles)
        bearer = {"authorization": f"Bearer {token}"} if token else {}
        url = f"{self._shop.rest[domain]}/v1{path}"
        return await self._until_answered(method, url, json, {**bearer, **(headers or {})})

    async def pay(self, url: str, wish: Mapping[str, object]) -> httpx.Response:
        """Pay at the provider, which is never killed."""
        return await self._until_answered("POST", url, wish, {})

    async def close(self) -> None:
        await self._client.aclose()

    async def _until_answered(
        self, method: str, url: str, json: object, headers: Mapping[str, str]
    ) -> httpx.Response:
        give_up, pause, last = time.monotonic() + _ANSWER_TIMEOUT_SECONDS, 0.05, "nothing"
        while time.monotonic() < give_up:
            try:
                answer = await self._client.request(method, url, json=json, headers=headers)
            except httpx.TransportError as error:
                last = type(error).__name__
            else:
                last = f"{answer.status_code} {_problem(answer)}".strip()
                if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
                    self.faults.append(f"{method} {url}: {answer.text}")
                elif answer.status_code not in _LATER and _problem(answer) != _BEING_PLACED:
                    self.answers[last] += 1
                    return answer
            self.answers[last] += 1
            await asyncio.sleep(pause * self._chance.uniform(0.5, 1.5))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise Unanswered(
            f"{method} {url}: not answered within {_ANSWER_TIMEOUT_SECONDS:.0f} s; the last was {last}"
        )

    def _token(self, *who: str) -> str:
        if who[0] and who not in self._tokens:
            self._tokens[who] = self._shop.token(*who, seconds=7200)
        return self._tokens.get(who, "")


def _problem(answer: httpx.Response) -> str:
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return ""
    problem: dict[str, Any] = answer.json()
    return str(problem["type"])
