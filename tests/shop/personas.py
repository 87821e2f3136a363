"""Simulated customers: each performs one action after another, and records what the shop has promised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx

from tests.shop.client import ShopClient
from tests.shop.shelf import OPERATOR, Shelf

PASSWORD: Final = "correct horse battery staple"
_ENDED: Final = frozenset({"closed", "finished", "refunded"})
_STATUS_POLLS: Final = 100

Action = Callable[[], Coroutine[Any, Any, None]]


class Promises:
    """What clients were told and may rely on; see `ledger.Acknowledged`."""

    def __init__(self) -> None:
        self.placed: dict[tuple[str, str], int] = {}
        self.ended: dict[int, str] = {}
        self.claimed: dict[int, str] = {}
        self.names: dict[int, str] = {}


class Person:
    """Registers, then claims coupons, orders, pays or does not, signs in and out, and changes the name."""

    def __init__(
        self, number: int, clients: ShopClient, shelf: Shelf, promises: Promises, chance: Random
    ) -> None:
        self._number = number
        self._client = clients
        self._shelf = shelf
        self._promises = promises
        self._chance = chance
        self._coupons: list[str] = []
        self._names = 0
        self.id = ""

    async def live(self, stop: Callable[[], bool], sated: Callable[[], bool]) -> None:
        """Perform one action after another until `stop` returns True. A `sated` person buys less."""
        await self._register()
        actions: tuple[Action, ...] = (self._buy, self._claim, self._change_name, self._sign_in)
        while not stop():
            (action,) = self._chance.choices(actions, (10 if sated() else 50, 10, 25, 15))
            await action()
            await asyncio.sleep(self._chance.uniform(0.05, 0.5))

    async def _register(self) -> None:
        draft = {
            "username": f"person{self._number}",
            "mobile": f"+49151{self._number:08d}",
            "password": PASSWORD,
        }
        # A conflict means that the first attempt was stored.
        await self._client.ask("POST", "user", "/users", "", json=draft)
        tokens = await self._client.ask(
            "POST", "user", "/sessions", "", json={"login": draft["username"], "password": PASSWORD}
        )
        me = await self._client.ask("GET", "user", "/me", "", token=tokens.json()["accessToken"])
        self.id = me.json()["id"]

    async def _sign_in(self) -> None:
        credentials = {"login": f"person{self._number}", "password": PASSWORD}
        tokens = (await self._client.ask("POST", "user", "/sessions", "", json=credentials)).json()
        if self._chance.random() < 0.6:
            refresh = {"refreshToken": tokens["refreshToken"]}
            renewed = await self._client.ask("POST", "user", "/sessions/refresh", "", json=refresh)
            # After a retry without an answer the session is revoked: the token was used before.
            tokens = renewed.json() if renewed.is_success else tokens
        if self._chance.random() < 0.4:
            await self._client.ask("DELETE", "user", "/sessions/current", "", token=tokens["accessToken"])

    async def _change_name(self) -> None:
        self._names += 1
        name = f"Person {self._number} the {self._names}."
        while True:
            me = await self._client.ask("GET", "user", "/me", self.id)
            if me.json()["displayName"] == name:
                break
            headers = {"if-match": me.headers["etag"]}
            change = {"displayName": name}
            if (
                await self._client.ask("PATCH", "user", "/me", self.id, json=change, headers=headers)
            ).is_success:
                break
        self._promises.names[int(self.id)] = name

    async def _claim(self) -> None:
        template = self._chance.choice(self._shelf.templates)
        path = f"/coupon-templates/{template}/claims"
        claim = await self._client.ask("POST", "promotion", path, self.id, headers=self._new_key())
        if claim.status_code == httpx.codes.CREATED:
            coupon = claim.json()["couponId"]
            self._promises.claimed[int(coupon)] = self.id
            self._coupons.append(coupon)

    async def _buy(self) -> None:
        wanted = {item["courseId"]: item for item in self._chance.sample(self._shelf.items, 2)}
        items = [{**item, "quantity": self._chance.randint(1, 3)} for item in wanted.values()]
        coupons = self._chance.sample(self._coupons, min(len(self._coupons), self._chance.choice((0, 1, 2))))
        order = {"items": items[: self._chance.randint(1, 2)], "couponIds": coupons}
        key = self._new_key()
        placed = await self._client.ask("POST", "trade", "/orders", self.id, json=order, headers=key)
        if placed.status_code != httpx.codes.CREATED:
            # Sold out, or a coupon is used, locked, or not yet persisted.
            self._coupons = [coupon for coupon in self._coupons if coupon not in coupons]
            return
        order_id = str(placed.json()["id"])
        self._promises.placed[self.id, key["idempotency-key"]] = int(order_id)
        fates: tuple[tuple[Callable[[str], Coroutine[Any, Any, None]], int], ...] = (
            (self._pay_and_go_on, 60),
            (self._cancel, 13),
            (self._pay_too_late, 6),
            (self._pay_and_cancel, 6),
            (self._forget, 15),
        )
        (fate,) = self._chance.choices([fate for fate, _ in fates], [weight for _, weight in fates])
        await fate(order_id)
        await self._note_the_end(order_id)

    async def _pay_and_go_on(self, order_id: str) -> None:
        await self._pay(await self._pay_url(order_id))
        if await self._status_after_payment(order_id) != "paid":
            return
        go_on = self._chance.random()
        if go_on < 0.35:
            await self._change(order_id, "/finish", self.id)
        elif go_on < 0.65:
            refund: dict[str, object] = {}
            if self._chance.random() < 0.5:
                refund = {"items": [{"line": 1, "quantity": 1}]}
            await self._change(order_id, "/refunds", OPERATOR, "operator", json=refund)

    async def _cancel(self, order_id: str) -> None:
        await self._change(order_id, "/cancel", self.id)

    async def _pay_too_late(self, order_id: str) -> None:
        url = await self._pay_url(order_id)
        await self._cancel(order_id)
        await self._pay(url)

    async def _pay_and_cancel(self, order_id: str) -> None:
        url = await self._pay_url(order_id)
        await asyncio.gather(self._pay(url), self._cancel(order_id))

    async def _forget(self, _order_id: str) -> None:
        """Do nothing: the order is closed at its deadline."""

    async def _pay_url(self, order_id: str) -> str:
        opened = await self._client.ask("PUT", "trade", f"/orders/{order_id}/payment", self.id)
        return str(opened.json()["payUrl"]) if opened.is_success else ""

    async def _pay(self, url: str) -> None:
        if url:  # empty if nothing is to be paid, or no longer
            notification = {
                "delaySeconds": self._chance.uniform(0, 0.5),
                "times": self._chance.randint(1, 2),
                "outOfOrder": self._chance.random() < 0.3,
                "forged": self._chance.random() < 0.1,
            }
            await self._client.pay(url, notification)

    async def _status_after_payment(self, order_id: str) -> str:
        for _ in range(_STATUS_POLLS):
            status = _status(await self._client.ask("GET", "trade", f"/orders/{order_id}", self.id))
            if status != "pending payment":
                return status
            await asyncio.sleep(0.3)
        return status

    async def _change(self, order_id: str, what: str, subject: str, *roles: str, json: object = None) -> None:
        """Change the current version of the order, unless it has changed in the meantime."""
        seen = await self._client.ask("GET", "trade", f"/orders/{order_id}", subject, *roles)
        headers = {"if-match": seen.headers["etag"]}
        await self._client.ask(
            "POST", "trade", f"/orders/{order_id}{what}", subject, *roles, json=json, headers=headers
        )

    async def _note_the_end(self, order_id: str) -> None:
        status = _status(await self._client.ask("GET", "trade", f"/orders/{order_id}", self.id))
        if status in _ENDED:
            self._promises.ended[int(order_id)] = status

    def _new_key(self) -> dict[str, str]:
        return {"idempotency-key": str(UUID(int=self._chance.getrandbits(128)))}


def _status(order: httpx.Response) -> str:
    """Return the status under its name in the ledger."""
    return str(order.json()["status"]).removeprefix("ORDER_STATUS_").lower().replace("_", " ")
