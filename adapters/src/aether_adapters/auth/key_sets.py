"""Published key sets (RFC 7517) that tokens are verified with, each with what its keys may sign."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from aether_adapters.auth.fetching import MAX_BYTES, DiscoveredKeys, fetch
from aether_adapters.auth.grants import Entry, Grant, entries
from aether_adapters.auth.keys import Key, ignored, read_keys
from aether_adapters.auth.metrics import READ_AT, UNREADABLE
from aether_adapters.kernel.errors import Unavailable

_FIRST_RETRY_SECONDS: Final = 0.25
"""A set that was never read is tried again soon: at the start its issuer may start too."""
_START_SECONDS: Final = 10.0
"""How long a process waits for every set before it is ready without those that cannot be read."""
_PROBE_SECONDS: Final = 1.0
_LEAST_WAIT_SECONDS: Final = 0.02
_MAX_REASON_CHARACTERS: Final = 300
_LOG: Final = structlog.get_logger("aether.tokens")


@dataclass(frozen=True, slots=True)
class Source:
    """A key set: `read` returns it as JSON, and `grant` is what its keys may sign; `name` is for logs and metrics.

    A `remote` one is read by a thread of its own, because reading it may take as long as its server likes.
    """

    name: str
    read: Callable[[], bytes]
    grant: Grant = field(default_factory=Grant)
    remote: bool = False


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key of a set, and what it may sign."""

    key: Key
    grant: Grant
    key_set: str


class KeySet:
    """The keys of several sets, by key id. Thread-safe; `find` never waits for a server.

    A set is read again every `max_age_seconds`, and earlier for a token with an unknown key: at most once in
    `pause_seconds`, which double each time that such a read finds nothing new. While a set cannot be read, its last
    keys stay valid. Of two keys with one id the one that is in use stays; until all sets have been read, that of the
    first set.
    """

    def __init__(self, *sources: Source, pause_seconds: float = 10.0, max_age_seconds: float = 60.0) -> None:
        self._sets = [_Set(source, pause_seconds, max_age_seconds) for source in sources]
        self._guard = threading.Lock()
        self._was_read = threading.Condition()
        self._keys: Mapping[str, TrustedKey] = {}
        self._owners: Mapping[str, _Set] = {}
        self._repeated: set[tuple[_Set, str]] = set()
        self._settled = False
        self._started_at: float | None = None
        self.generation = 0
        """Increases when a key is withdrawn or replaced."""

    @classmethod
    def from_file(cls, path: Path | str, grant: Grant | None = None, *, pause_seconds: float = 1.0) -> KeySet:
        """Create a key set that is read from a file."""
        return cls(_source(Entry(str(path), grant or Grant()), ""), pause_seconds=pause_seconds)

    @classmethod
    def from_setting(
        cls, setting: str, *more: Source, issuer: str = "", ca: str = "", pause_seconds: float = 10.0
    ) -> KeySet:
        """Combine `more` with the sets of a setting; `grants` describes it. Raises `ValueError` for a wrong one.

        `issuer` is the default issuer, and `ca` a PEM file of the authorities that are trusted for https (empty: the
        system's).
        """
        named = [_source(entry, ca) for entry in entries(setting, issuer)]
        return cls(*more, *named, pause_seconds=pause_seconds)

    def find(self, kid: str) -> TrustedKey | None:
        """Return the key named `kid`; None if it is unknown, which causes a read.

        Raises `Unavailable` if a set that may hold the key was never read.
        """
        self._refresh(wanted=kid not in self._keys)
        found = self._keys.get(kid)
        if found is None and not self._all_read():
            raise Unavailable(
                "Not all keys that verify tokens could be read yet; try again.", retry_after=1.0
            )
        return found

    def probe(self) -> None:
        """Raise `Unavailable` with the names of the sets that are missing. Waits a second for them.

        For ten seconds each set that was not read counts as missing, then only the lack of all of them.
        """
        self.wait(_PROBE_SECONDS)
        missing = [each.source.name for each in self._sets if not each.is_read]
        waits = time.monotonic() - (self._started_at or 0.0) < _START_SECONDS
        if missing and (waits or len(missing) == len(self._sets)):
            raise Unavailable(f"Keys that verify tokens cannot be read: {', '.join(missing)}.")

    def wait(self, seconds: float) -> bool:
        """Wait until every set has been read; return whether that took at most `seconds`."""
        self._refresh(wanted=False)
        with self._was_read:
            return self._was_read.wait_for(self._all_read, seconds)

    def _all_read(self) -> bool:
        return all(each.is_read for each in self._sets)

    def _refresh(self, *, wanted: bool) -> None:
        """Read the local sets that are due, and have the threads of the remote ones do it."""
        if self._started_at is None:
            self._start()
        for each in self._sets:
            if not each.source.remote:
                self._update(each, wanted=wanted)
            elif wanted:
                each.wanted.set()

    def _start(self) -> None:
        with self._guard:
            if self._started_at is not None:
                return
            self._started_at = time.monotonic()
        for each in self._sets:
            if each.source.remote:
                # The thread ends with this object, and must not keep it alive.
                weakref.finalize(self, each.end)
                name = f"keys-{each.source.name}"
                threading.Thread(target=_keep, args=(weakref.ref(self), each), name=name, daemon=True).start()

    def _update(self, each: _Set, *, wanted: bool) -> None:
        """Read a set if it is due."""
        if time.monotonic() < each.due(wanted=wanted):
            return
        with each.guard:
            if time.monotonic() < each.due(wanted=wanted):
                return  # another thread has just read it
            each.read(wanted=wanted)
            with self._guard:
                self._combine()
        with self._was_read:
            self._was_read.notify_all()

    def _combine(self) -> None:
        """Decide which set each key id belongs to, and use those keys."""
        owners: dict[str, _Set] = {}
        if self._settled:
            owners |= {kid: owner for kid, owner in self._owners.items() if kid in owner.keys}
        for each in self._sets:
            for kid in each.keys:
                owners.setdefault(kid, each)
        repeated = {(each, kid) for each in self._sets for kid in each.keys if owners[kid] is not each}
        for each, kid in repeated - self._repeated:
            ignored(each.source.name, kid, "id of another set's key")
        keys = {
            kid: TrustedKey(owner.keys[kid], owner.source.grant, owner.source.name)
            for kid, owner in owners.items()
        }
        is_withdrawn = any(keys.get(kid) != trusted for kid, trusted in self._keys.items())
        self._owners, self._repeated, self._keys = owners, repeated, keys
        self._settled = self._all_read()
        if is_withdrawn:
            # Last: a token that was verified with the old keys meanwhile is then not remembered.
            self.generation += 1


class _Set:
    """One set: its keys, and when it is to be read again."""

    def __init__(self, source: Source, pause: float, max_age: float) -> None:
        self.source = source
        self.keys: Mapping[str, Key] = {}
        self.is_read = False
        self.wanted = threading.Event()
        """Set for a token with an unknown key."""
        self.ended = threading.Event()
        self.guard = threading.Lock()
        self._data: bytes | None = None
        self._tried_at = float("-inf")
        self._first_pause = self._pause = pause
        self._max_age = max_age
        self._interval = max_age
        self._retry = min(_FIRST_RETRY_SECONDS, pause)

    def due(self, *, wanted: bool) -> float:
        """Return when to read it next, in monotonic seconds."""
        return self._tried_at + (min(self._pause, self._interval) if wanted else self._interval)

    def read(self, *, wanted: bool) -> None:
        """Read it. Whatever goes wrong is logged and counted."""
        name = self.source.name
        try:
            data = self.source.read()
            keys = self.keys if data == self._data else read_keys(data, name)
        except Exception as error:
            # Any error: the thread must outlive whatever a server sends.
            UNREADABLE.labels(name).inc()
            _LOG.warning("key set cannot be read", key_set=name, reason=repr(error)[:_MAX_REASON_CHARACTERS])
            self._interval = self._retry
            self._retry = min(self._retry * 2, self._first_pause)
            return
        finally:
            # Not before: a token that comes while the set is read for the first time waits for it.
            self._tried_at = time.monotonic()
        if keys.keys() - self.keys.keys():
            self._pause = self._first_pause
        elif wanted:
            self._pause = min(self._pause * 2, self._max_age)
        self._data, self.keys, self.is_read = data, keys, True
        self._interval, self._retry = self._max_age, min(_FIRST_RETRY_SECONDS, self._first_pause)
        READ_AT.labels(name).set_to_current_time()

    def wait(self) -> bool:
        """Wait until it is to be read; return whether a token wants it."""
        wanted = self.wanted.wait(max(_LEAST_WAIT_SECONDS, self.due(wanted=False) - time.monotonic()))
        self.ended.wait(max(0.0, self.due(wanted=wanted) - time.monotonic()))
        self.wanted.clear()
        return wanted

    def end(self) -> None:
        """End the thread that reads it."""
        self.ended.set()
        self.wanted.set()


def _keep(keys: weakref.ref[KeySet], each: _Set) -> None:
    """Read a remote set again and again, for as long as `keys` is alive."""
    wanted = False
    while not each.ended.is_set() and (alive := keys()) is not None:
        alive._update(each, wanted=wanted)
        del alive
        wanted = each.wait()


def _source(entry: Entry, ca: str) -> Source:
    address = entry.address
    if not entry.is_url:
        return Source(address, partial(_read_file, Path(address)), entry.grant)
    name = address.partition("?")[0]
    if entry.discovery:
        return Source(name, DiscoveredKeys(address, ca), entry.grant, remote=True)
    return Source(name, partial(fetch, address, ca), entry.grant, remote=True)


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(f"{path} is larger than {MAX_BYTES} bytes")
    return data
