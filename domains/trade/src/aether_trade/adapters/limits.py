"""Rate limits of the REST API for each user and address, counted in Redis while it is available."""

from typing import Final

from aether_adapters.rest import By, Limits
from aether_adapters.service.wiring import shared_limit
from redis import Redis

EDGE: Final = "aether-trade-api"


def limits(
    client: Redis, *, user_rate: float, user_burst: int, address_rate: float, address_burst: int
) -> Limits:
    """Return the limits. Rates are in requests per second; a burst is the number of requests at once."""
    return Limits(
        everywhere=(
            shared_limit(client, EDGE, "user", By.USER, user_rate, user_burst),
            shared_limit(client, EDGE, "address", By.ADDRESS, address_rate, address_burst),
        )
    )
