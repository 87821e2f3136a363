"""The measure of an attack finds harm, and finds none where there is none."""

from __future__ import annotations

import sys
import time

import httpx
import pytest

from tests.attacks.conftest import Victim
from tests.attacks.stranger import Seen, Stranger, bystander
from tests.support.roles import standing_still


def test_a_victim_left_alone_serves_strangers(victim: Victim) -> None:
    with victim.stranger() as stranger, stranger.unharmed():
        time.sleep(1)


def test_a_victim_that_stands_still_harms_strangers(victim: Victim) -> None:
    """On a busy machine a second is no more than what happens to everybody, so it stands still for longer then."""
    for seconds in (1, 5, 20):
        with victim.stranger() as stranger:
            try:
                with stranger.unharmed(), standing_still(victim.process.process.pid):
                    time.sleep(seconds)
            except AssertionError as harm:
                assert "P99" in str(harm)  # the first try that is long enough decides
                return
    pytest.fail("a server that stood still for 20 s harmed nobody")


def test_of_few_calls_one_short_pause_is_no_harm_but_two_or_a_long_one_are() -> None:
    calm = [0.01] * 50
    assert Seen([*calm, 0.5]).p99 == 0.01
    assert Seen([*calm, 0.5, 0.5]).p99 == 0.5
    assert Seen([*calm, 20.0]).p99 == 20.0
    assert Seen([*calm * 4, 0.5, 0.5, 0.5]).p99 == 0.5


def test_an_error_is_harm_too() -> None:
    stranger = Stranger(call=lambda: httpx.Response(500))
    with pytest.raises(AssertionError, match="500"), stranger.unharmed():
        time.sleep(0.1)


def test_what_the_machine_makes_every_server_wait_is_no_harm() -> None:
    """A thread of the test that holds the interpreter delays all answers alike, whoever gives them."""
    interval = sys.getswitchinterval()
    with bystander() as stranger, stranger.unharmed():
        sys.setswitchinterval(0.3)
        try:
            end = time.monotonic() + 3
            while time.monotonic() < end:
                sum(range(1000))
        finally:
            sys.setswitchinterval(interval)
