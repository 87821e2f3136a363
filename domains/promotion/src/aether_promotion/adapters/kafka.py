"""The log of claims: a topic, in which the claims of one template stand in one order."""

from aether_adapters.kafka import SharedProducer

from aether_promotion.adapters.events import outgoing
from aether_promotion.domain.events import ClaimDecided


class KafkaClaimLog:
    """Returns when every replica in sync has the claim; those of many callers travel together."""

    def __init__(self, producer: SharedProducer) -> None:
        self._producer = producer

    def append(self, claim: ClaimDecided, /) -> None:
        self._producer.send(outgoing(claim))
