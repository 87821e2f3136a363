"""Whether Redis answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aether_adapters.kernel.deadline import within
from aether_adapters.redis.client import Client

_TIMEOUT_SECONDS: Final = 2.0


def probe(client: Client) -> Callable[[], None]:
    """A health probe: a PING answered within two seconds, else `errors.Unavailable` or `DeadlineExceeded`."""

    def ask() -> None:
        with within(_TIMEOUT_SECONDS):
            client.ping()

    return ask
