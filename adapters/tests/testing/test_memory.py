"""The in-memory counterparts of the kits keep the promises of the real ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Protocol, Self

import pytest
from aether_adapters.ids import Snowflakes, WorkerLease, worker_lease_table
from aether_adapters.kernel.unit_of_work import NestedUnitOfWork
from aether_adapters.sql import connect
from aether_adapters.testing.memory import (
    MemoryClock,
    MemoryIds,
    MemoryInbox,
    MemoryState,
    MemoryTransactions,
    PublishingTable,
)
from sqlalchemy import MetaData


class NoteNotFound(Exception):
    """There is no such note."""


class NoteHasChanged(Exception):
    """Somebody else stored the note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    id: int
    text: str = ""
    version: int = 0
    events: tuple[str, ...] = field(default=(), compare=False)

    def change(self, text: str) -> Note:
        return replace(self, text=text, events=(*self.events, text))

    def stored(self) -> Self:
        return replace(self, version=self.version + 1, events=())


@dataclass(frozen=True, slots=True, kw_only=True)
class State(MemoryState[str]):
    notes: dict[int, Note] = field(default_factory=dict)


class Notes(PublishingTable[Note]):
    def __init__(self, state: State) -> None:
        super().__init__(
            state.notes,
            state.outbox,
            missing=NoteNotFound,
            conflict=NoteHasChanged,
        )
        self.inbox = MemoryInbox(state.inbox)

    def get(self, note_id: int) -> Note:
        return self._find(note_id)

    def page(self, *, before: int | None, limit: int) -> tuple[Note, ...]:
        return self._newest(before=before, limit=limit, where=lambda note: note.text != "hidden")


Transactions = MemoryTransactions[State, Notes, str]


@pytest.fixture
def transactions() -> Transactions:
    return MemoryTransactions(State(), Notes)


def test_work_that_raises_leaves_nothing_behind(transactions: Transactions) -> None:
    def fail(notes: Notes) -> None:
        notes.add(Note(id=1).change("a"))
        assert notes.inbox.first_time("reader", "e1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        transactions.run(fail)
    with pytest.raises(NoteNotFound, match="1"):
        transactions.read(lambda notes: notes.get(1))
    assert transactions.outbox == ()
    assert transactions.run(lambda notes: notes.inbox.first_time("reader", "e1"))


def test_a_change_counts_when_it_is_saved_and_its_events_are_stored_once(transactions: Transactions) -> None:
    stored = transactions.run(lambda notes: notes.add(Note(id=1).change("a")))
    assert stored == Note(id=1, text="a", version=1)
    changed = stored.change("b")
    assert transactions.read(lambda notes: notes.get(1)) == stored
    saved = transactions.run(lambda notes: notes.save(changed))
    assert transactions.read(lambda notes: notes.get(1)) == saved == Note(id=1, text="b", version=2)
    assert transactions.outbox == ("a", "b")


def test_a_version_that_is_not_the_stored_one_is_a_conflict(transactions: Transactions) -> None:
    stored = transactions.run(lambda notes: notes.add(Note(id=1)))
    transactions.run(lambda notes: notes.save(stored))
    attempts: tuple[Callable[[Notes], Note], ...] = (
        lambda notes: notes.save(stored),
        lambda notes: notes.add(Note(id=1)),
        lambda notes: notes.save(Note(id=2)),
    )
    for attempt in attempts:
        with pytest.raises(NoteHasChanged):
            transactions.run(attempt)


def test_of_many_who_change_one_version_at_once_one_wins(transactions: Transactions) -> None:
    stored = transactions.run(lambda notes: notes.add(Note(id=1)))

    def save(number: int) -> Note | None:
        try:
            return transactions.run(lambda notes: notes.save(stored.change(str(number))))
        except NoteHasChanged:
            return None

    with ThreadPoolExecutor(8) as pool:
        winners = [note for note in pool.map(save, range(50)) if note is not None]
    assert winners == [transactions.read(lambda notes: notes.get(1))]


def test_pages_run_from_the_newest(transactions: Transactions) -> None:
    for number, text in enumerate(("a", "hidden", "b", "c"), 1):
        transactions.run(
            lambda notes, number=number, text=text: notes.add(Note(id=number, text=text))  # type: ignore[misc]
        )

    def page(before: int | None, limit: int) -> list[int]:
        found = transactions.read(lambda notes: notes.page(before=before, limit=limit))
        return [note.id for note in found]

    assert page(None, 9) == [4, 3, 1]
    assert page(None, 2) == [4, 3]
    assert page(3, 9) == [1]


def test_an_event_is_new_once_for_each_consumer(transactions: Transactions) -> None:
    def first_time(consumer: str) -> bool:
        return transactions.run(lambda notes: notes.inbox.first_time(consumer, "e1"))

    assert [first_time(consumer) for consumer in ("points", "points", "mail")] == [True, False, True]


def test_a_unit_of_work_inside_another_is_refused_as_in_sql(transactions: Transactions) -> None:
    def read(_: Notes) -> None:
        transactions.read(lambda notes: notes.get(1))

    def run(_: Notes) -> None:
        transactions.run(lambda notes: notes.get(1))

    for open_one in (transactions.run, transactions.read):
        for inside in (read, run):
            with pytest.raises(NestedUnitOfWork):
                open_one(inside)
    assert transactions.run(lambda notes: notes.add(Note(id=1))).version == 1


def test_work_that_was_opened_to_read_cannot_write(transactions: Transactions) -> None:
    with pytest.raises(RuntimeError, match="opened to read"):
        transactions.read(lambda notes: notes.add(Note(id=1)))
    with pytest.raises(NoteNotFound):
        transactions.read(lambda notes: notes.get(1))


def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock = MemoryClock()
    noon = clock.now()
    assert (clock.now(), noon.tzinfo) == (noon, UTC)
    clock.forward(timedelta(hours=1))
    assert clock.now() == noon + timedelta(hours=1)


class Ids(Protocol):
    def next(self) -> int: ...


@pytest.fixture(params=["memory", "sqlite"])
def ids(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ids]:
    if request.param == "memory":
        yield MemoryIds()
        return
    engine = connect(f"sqlite:///{tmp_path}/ids.db")
    metadata = MetaData()
    worker_lease_table(metadata)
    metadata.create_all(engine)
    with WorkerLease(engine) as worker_number:
        yield Snowflakes(worker_number)
    engine.dispose()


@pytest.mark.suite("ids")
def test_ids_are_positive_fit_and_never_come_twice(ids: Ids) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: ids.next(), range(1000)))
    assert len(set(taken)) == 1000
    assert all(0 < number < 2**63 for number in taken)
    assert ids.next() > max(taken)


def test_a_memory_adapter_imports_no_database() -> None:
    code = "import sys, aether_adapters.testing.memory; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
