"""The rate limits of the REST API, on Redis: one for every request, and a stricter one for claims."""

import pytest
from aether_adapters import redis
from aether_adapters.kernel.identity import Identity
from aether_adapters.kernel.rate_limits import LimitReached

from aether_promotion.container import limits
from aether_promotion.settings import Settings


def test_claims_have_their_own_limit_and_other_requests_do_not_count_towards_it(redis_url: str) -> None:
    settings = Settings(
        service_key="unused.pem",
        user_rate=0.01,
        user_burst=10,
        address_rate=0.01,
        address_burst=100,
        claim_rate=0.01,
        claim_burst=2,
    )
    edge = limits(redis.connect(redis_url), settings)
    claims, reads = edge.of("claimCoupon"), edge.of("listCoupons")
    assert claims is not None and reads is not None
    ada, bob = Identity(subject="ada"), Identity(subject="bob")
    for _ in range(2):
        claims.take(ada, "10.0.0.1")
    with pytest.raises(LimitReached) as refused:
        claims.take(ada, "10.0.0.1")
    assert ("ratelimit-policy", '"claims";q=2;w=200') in refused.value.fields
    claims.take(bob, "10.0.0.1")
    reads.take(ada, "10.0.0.1")
