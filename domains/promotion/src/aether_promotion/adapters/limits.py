"""How much the REST edge lets one user and one address ask for, counted in Redis while it is there."""

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
    """Rates are in requests a second; bursts are how many at once. A claim counts for both of its user's limits."""
    return Limits(
        everywhere=(
            shared_limit(client, EDGE, "user", By.USER, user_rate, user_burst),
            shared_limit(client, EDGE, "address", By.ADDRESS, address_rate, address_burst),
        ),
        operations={"claimCoupon": (shared_limit(client, EDGE, "claims", By.USER, claim_rate, claim_burst),)},
    )
