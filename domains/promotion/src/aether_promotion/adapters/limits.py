"""How much the REST edge lets one user and one address ask for, counted in Redis while it is there."""

from typing import Final

from aether_adapters.redis import SteadyBucket
from aether_adapters.rest import By, Limit, Limits
from redis import Redis

PREFIX: Final = "aether-promotion-api"


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
            _limit(client, "user", By.USER, user_rate, user_burst),
            _limit(client, "address", By.ADDRESS, address_rate, address_burst),
        ),
        operations={"claimCoupon": (_limit(client, "claims", By.USER, claim_rate, claim_burst),)},
    )


def _limit(client: Redis, name: str, by: By, rate: float, burst: int) -> Limit:
    bucket = SteadyBucket(client, f"{PREFIX}-{name}", rate, burst)
    return Limit(name=name, by=by, rate=rate, burst=burst, bucket=bucket)
