"""A steady flow of people through the shop, in a thread of its own."""

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
    """So many people at once. What they do follows from the seed; when they do it, from the machine too.

    While they are `sated` they buy less, and do more of the rest.
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
        """How many orders were placed so far; raises what ended the traffic, if anything did."""
        if self._failure is not None:
            raise self._failure
        return len(self.promises.placed)

    @property
    def acknowledged(self) -> Acknowledged:
        """What clients were told."""
        promises = self.promises
        return Acknowledged(
            placed=dict(promises.placed),
            ended=dict(promises.ended),
            claimed=dict(promises.claimed),
            names=dict(promises.names),
        )

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """People come as long as the block lasts; then each finishes what they have begun."""
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
        except BaseException as error:  # handed to the thread that waits
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
