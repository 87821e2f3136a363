"""Reads the shop's own metric of its load during a rush."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import httpx

from tests.shop.system import NO_TLS

_GAUGE: Final = 'aether_rest_in_flight{domain="trade"} '
_POLL_SECONDS: Final = 0.1


class Inside:
    """The largest number of concurrent requests in trade's REST API, as sampled."""

    def __init__(self) -> None:
        self.most = 0

    @contextmanager
    def watching(self, trade: str) -> Iterator[None]:
        """Sample the metric of the REST API at `trade` in a thread, during the block."""
        stop = threading.Event()

        def watch() -> None:
            with httpx.Client(base_url=trade, timeout=10, trust_env=False, verify=NO_TLS) as client:
                while not stop.wait(_POLL_SECONDS):
                    with suppress(httpx.TransportError):
                        self._note(client.get("/metrics").text)

        thread = threading.Thread(target=watch, name="watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _note(self, metrics: str) -> None:
        for line in metrics.splitlines():
            if line.startswith(_GAUGE):
                self.most = max(self.most, int(float(line.removeprefix(_GAUGE))))
