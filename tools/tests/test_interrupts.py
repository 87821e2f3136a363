"""Interruptions, each in a separate process: none is lost, and none interrupts the clean-up after another."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

IGNORED = """
import os, sys, time
from aether_tools.interrupts import interruptible

class Deaf:
    def __del__(self):  # Python ignores exceptions in here
        os.kill(os.getpid(), int(sys.argv[1]))
        for _ in range(1000):
            pass

try:
    with interruptible():
        Deaf()
        time.sleep(20)
except KeyboardInterrupt:
    print("interrupted")
"""
CLEANING_UP = """
import os, sys, time
from aether_tools.interrupts import interruptible

def clean_up():
    try:
        raise OSError("busy")
    except OSError:
        for _ in range(5):
            os.kill(os.getpid(), int(sys.argv[1]))
            time.sleep(0.05)

try:
    with interruptible():
        try:
            os.kill(os.getpid(), int(sys.argv[1]))
            time.sleep(20)
        finally:
            clean_up()
            print("clean")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("program", "output"), [(IGNORED, ["interrupted"]), (CLEANING_UP, ["clean", "interrupted"])]
)
def test_an_interruption_is_raised_once(program: str, output: list[str], number: signal.Signals) -> None:
    command = [sys.executable, "-c", program, str(number.value)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.split() == output
