"""Rate limits of the REST API for each user and address, counted in Redis while it is available."""

from typing import Final

from aether_adapters.rest import By, Limits
from aether_adapters.service.wiring import shared_limit
from redis import Redis

EDGE: Final = "aether-promotion-api"


def limits(
    client: Redis,
    *,
    user_rate: float,
    user_burst: int,
    address_rate: float,
    address_burst: int,
    claim_rate: float,
    claim_burst: int,
) -> Limits:
    """Return the limits. Rates are in requests per second; a burst is the number of requests at once.

    A claim counts towards both limits of its user.
    """
    return Limits(
        everywhere=(
            shared_limit(client, EDGE, "user", By.USER, user_rate, user_burst),
            shared_limit(client, EDGE, "address", By.ADDRESS, address_rate, address_burst),
        ),
        operations={"claimCoupon": (shared_limit(client, EDGE, "claims", By.USER, claim_rate, claim_burst),)},
    )
