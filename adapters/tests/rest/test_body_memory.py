"""Tests of the memory that bodies take together: bounded, given back, and never too little for one."""

from __future__ import annotations

import pytest
from aether_adapters.kernel.errors import Exhausted
from aether_adapters.rest.body_memory import BodyMemory


def test_a_body_that_does_not_fit_beside_others_is_refused_and_takes_nothing_more() -> None:
    memory = BodyMemory(100)
    one, other = memory.share(), memory.share()
    one.take(60)
    other.take(30)
    with pytest.raises(Exhausted) as refused:
        other.take(20)
    assert refused.value.retry_after == 1.0
    assert memory.taken == 90
    other.give_back()
    one.take(40)
    assert memory.taken == 100


def test_a_body_alone_may_be_larger() -> None:
    memory = BodyMemory(100)
    alone, other = memory.share(), memory.share()
    alone.take(150)
    alone.take(150)
    with pytest.raises(Exhausted):
        other.take(1)
    alone.give_back()
    other.take(1)


def test_bytes_are_given_back_once() -> None:
    memory = BodyMemory(100)
    share = memory.share()
    share.take(50)
    share.give_back()
    share.give_back()
    assert memory.taken == 0
