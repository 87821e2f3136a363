"""A server that a process depends on: how many calls may wait for it, and whether any should be sent at all.

Bulkhead and circuit breaker in one, because both ask which calls are out, and since when. Sources: M. Nygard, "Release
It!", 2nd edition, chapter 5, and `throttle`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final, Protocol

from aether_adapters.kernel.deadline import DEADLINE, remaining
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.throttle import Throttle

_RETRY_AFTER_SECONDS: Final = 1.0
_PROBE_SECONDS: Final = 0.25
_MAX_PROBE_SECONDS: Final = 1.0
"""Longest pause between two probes, so that a server is back in use within two seconds."""
_PATIENCE_FRACTION: Final = 0.5
_TELLING_FRACTION: Final = 0.1
_EARLY_SECONDS: Final = 0.05
"""How much before the deadline a client may give up: timers of other clocks are inexact."""


class Outcome(Enum):
    """How a call ended, for metrics."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    SLOW = "slow"
    REFUSED = "refused"
    FULL = "full"


class Watch(Protocol):
    """Notes what happens to a neighbour, in metrics and logs. Must not block: it is called with a lock held."""

    def ended(self, outcome: Outcome, /) -> None:
        """Note a call that ended, was found to be slow, or was not let out (`REFUSED`, `FULL`)."""

    def changed(self, *, away: bool) -> None:
        """Note that all calls are refused from now on, or no longer."""


class Call:
    """A call that is out since `since`, as the neighbour's clock says."""

    __slots__ = ("counted", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.counted = False


class Neighbour:
    """Guards the calls of one server. Thread-safe.

    **Bulkhead.** At most `places` calls are out, so a server that hangs holds no more threads than that. One more waits
    for a place while calls are quick; it is refused once the oldest has been out for half of `slow_seconds`.

    **Breaker.** A call that fails, or is out for `slow_seconds`, was not accepted; `Throttle` says what fraction of calls
    to refuse because of that. When it says all, nothing is sent but `probe`, four times a second at first, until that
    returns within `slow_seconds`. Then one call goes out on trial; all others follow once it is accepted. Without a
    `probe` the trials themselves are made once a second.
    """

    def __init__(
        self,
        name: str,
        *,
        places: int,
        slow_seconds: float,
        watch: Watch,
        probe: Callable[[], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`probe` raises an exception if the server does not answer. Raises `ValueError` for a number below its minimum."""
        if places < 1 or not slow_seconds > 0:
            raise ValueError(f"{name}: a neighbour needs places >= 1 and slow_seconds > 0.")
        self.name = name
        self._places = places
        self._slow_seconds = slow_seconds
        self._watch = watch
        self._probe = probe
        self._clock = clock
        self._chance = chance
        self._throttle = Throttle(clock=clock)
        self._freed = threading.Condition(threading.Lock())
        self._out: dict[Call, None] = {}
        """The calls that are out, oldest first."""
        self._away = False
        self._trial: Call | None = None
        self._trial_from = float("inf")
        """When the next call may go out on trial; never, while `probe` fails."""
        self._pause = _PROBE_SECONDS

    def enter(self) -> Call:
        """Let a call out. Raises `Unavailable` with a time to retry after, and `DeadlineExceeded`."""
        with self._freed:
            now = self._clock()
            self._count_slow(now)
            on_trial = self._away and self._trial is None and now >= self._trial_from
            if not on_trial and (self._away or self._chance() < self._throttle.refusal()):
                self._count(Outcome.REFUSED)
                raise self._unavailable("it fails")
            while len(self._out) >= self._places:
                patience = self._oldest() + self._slow_seconds * _PATIENCE_FRACTION - self._clock()
                if patience <= 0:
                    self._count(Outcome.FULL)
                    self._give_up_if_useless()
                    raise self._unavailable(f"{self._places} calls are waiting for it")
                self._freed.wait(remaining(patience))
            call = Call(self._clock())
            self._out[call] = None
            if on_trial:
                self._trial = call
            return call

    def leave(self, call: Call, *, accepted: bool | None) -> None:
        """End a call; `accepted` tells whether the server did its part, None that the call says nothing about it.

        A call that failed because its caller's deadline passed too soon says nothing either.
        """
        with self._freed:
            del self._out[call]
            self._freed.notify()
            took = self._clock() - call.since
            if accepted is False and took < self._slow_seconds * _TELLING_FRACTION and _is_over():
                accepted = None
            if call.counted or accepted is None:
                outcome = None
            elif took >= self._slow_seconds:
                outcome = Outcome.SLOW
            else:
                outcome = Outcome.ACCEPTED if accepted else Outcome.FAILED
            if outcome is not None:
                self._count(outcome)
            if call is self._trial:
                self._trial = None
                if outcome is Outcome.ACCEPTED:
                    self._return()
                elif outcome is not None:
                    self._try_later()
            elif outcome is not None:
                self._give_up_if_useless()

    @contextmanager
    def guarded(self, *failures: type[Exception]) -> Iterator[None]:
        """Let the body out as a call, which the server did not accept if it raises one of `failures`."""
        call, accepted = self.enter(), True
        try:
            yield
        except failures:
            accepted = False
            raise
        finally:
            self.leave(call, accepted=accepted)

    def _count_slow(self, now: float) -> None:
        """Count the calls that are slow already, however long they will take."""
        for call in self._out:
            if now - call.since < self._slow_seconds:
                break
            if not call.counted:
                call.counted = True
                self._count(Outcome.SLOW)
                if call is self._trial:
                    self._trial = None
                    self._try_later()
        self._give_up_if_useless()

    def _count(self, outcome: Outcome) -> None:
        self._throttle.count(accepted=outcome is Outcome.ACCEPTED)
        self._watch.ended(outcome)

    def _oldest(self) -> float:
        return next(iter(self._out)).since

    def _unavailable(self, reason: str) -> Unavailable:
        return Unavailable(
            "A required service is unavailable; try again.",
            retry_after=_RETRY_AFTER_SECONDS,
            reason=f"{self.name} is not asked, because {reason}",
        )

    def _give_up_if_useless(self) -> None:
        if not self._away and self._throttle.refusal() >= 1.0:
            self._away, self._pause = True, _PROBE_SECONDS
            self._watch.changed(away=True)
            self._look_later()

    def _try_later(self) -> None:
        self._pause = min(2 * self._pause, _MAX_PROBE_SECONDS)
        self._look_later()

    def _look_later(self) -> None:
        if self._probe is None:
            self._trial_from = self._clock() + _MAX_PROBE_SECONDS
            return
        self._trial_from = float("inf")
        looking = threading.Thread(target=self._look, args=(self._probe,), name=f"probe-{self.name}")
        looking.daemon = True
        looking.start()

    def _look(self, probe: Callable[[], object]) -> None:
        """Probe until the server answers, then allow a trial."""
        while True:
            time.sleep(self._pause)
            begun = self._clock()
            try:
                probe()
            except Exception:  # noqa: S112 # whatever the reason: it does not answer yet
                continue
            if self._clock() - begun < self._slow_seconds:
                break
        with self._freed:
            self._trial_from = self._clock()

    def _return(self) -> None:
        self._throttle.clear()
        self._away, self._trial_from = False, float("inf")
        self._watch.changed(away=False)


def _is_over() -> bool:
    deadline = DEADLINE.get()
    return deadline is not None and time.monotonic() >= deadline - _EARLY_SECONDS
