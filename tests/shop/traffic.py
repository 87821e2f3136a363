"""Simulated customers of the shop, in a separate thread."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.shop.client import ShopClient
from tests.shop.ledger import Acknowledged
from tests.shop.personas import Person, Promises
from tests.shop.shelf import Shelf
from tests.shop.system import System


class Traffic:
    """`people` customers at once. The seed determines what they do, but not when.

    While `sated` is set, they buy less and do more of the rest.
    """

    def __init__(self, shop: System, shelf: Shelf, seed: str, people: int) -> None:
        self._shop = shop
        self._shelf = shelf
        self._seed = seed
        self._people = people
        self._stop, self.sated = threading.Event(), threading.Event()
        self._failure: BaseException | None = None
        self.promises = Promises()
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []

    @property
    def orders(self) -> int:
        """The number of orders placed so far. Raises the error that ended the traffic, if any."""
        if self._failure is not None:
            raise self._failure
        return len(self.promises.placed)

    @property
    def acknowledged(self) -> Acknowledged:
        """The answers that clients may rely on."""
        promises = self.promises
        return Acknowledged(
            placed=dict(promises.placed),
            ended=dict(promises.ended),
            claimed=dict(promises.claimed),
            names=dict(promises.names),
        )

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Run the traffic during the block; then let each customer finish the current action."""
        thread = threading.Thread(target=self._run, name="traffic")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._flow())
        except BaseException as error:  # re-raised in the waiting thread
            self._failure = error

    async def _flow(self) -> None:
        clients = ShopClient(self._shop, Random(f"{self._seed} doors"))
        self.answers, self.faults = clients.answers, clients.faults
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._people):
                    chance = Random(f"{self._seed} person {number}")
                    person = Person(number, clients, self._shelf, self.promises, chance)
                    group.create_task(person.live(self._stop.is_set, self.sated.is_set))
        finally:
            await clients.close()
