"""Readiness probe for Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aether_adapters.kernel.deadline import within
from aether_adapters.redis.client import Client

_TIMEOUT_SECONDS: Final = 2.0


def probe(client: Client) -> Callable[[], None]:
    """Return a probe that raises `kernel.errors.Unavailable` or `DeadlineExceeded` unless PING works in 2 s."""

    def ask() -> None:
        with within(_TIMEOUT_SECONDS):
            client.ping()

    return ask
