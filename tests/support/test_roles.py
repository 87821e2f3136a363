"""Helpers that act on processes return only once the effect has happened."""

from __future__ import annotations

import subprocess
import sys

import pytest
from aether_adapters.testing.waiting import eventually

from tests.support.roles import standing_still, thread_states

BUSY = """
import threading
for _ in range(8):
    threading.Thread(target=lambda: [sum(range(1000)) for _ in iter(int, 1)]).start()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_stands_still_with_all_its_threads_before_the_test_goes_on() -> None:
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        eventually(lambda: len(thread_states(process.pid)) == 9, "its threads run")
        for _ in range(50):
            with standing_still(process.pid):
                assert set(thread_states(process.pid)) == {"T"}
            eventually(lambda: set(thread_states(process.pid)) != {"T"}, "it goes on")
        with standing_still(process.pid):
            process.kill()
            process.wait()
    finally:
        process.kill()
        process.wait()
