"""The log of claims reports an outage of Kafka soon, and fails at once during it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from aether_adapters.embedded import EmbeddedKafka
from aether_adapters.kafka import BatchingProducer, Producer
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.kernel.events import OutgoingEvent

from aether_promotion.adapters import kafka
from aether_promotion.adapters.events import TOPIC
from aether_promotion.adapters.kafka import KafkaClaimLog
from aether_promotion.domain.events import ClaimDecided

CLAIM = ClaimDecided(
    coupon_id=7, template_id=5, generation=1, owner="ada", idempotency_key="k", occurred_at=datetime.now(UTC)
)


class Counting(BatchingProducer):
    """Counts its calls of `send`."""

    asked = 0

    def send(self, event: OutgoingEvent) -> None:
        self.asked += 1
        super().send(event)


@pytest.fixture
def broker() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka({TOPIC: 1}) as broker:
        yield broker


def test_while_kafka_is_down_it_is_tried_once_in_a_pause_and_a_claim_is_stored_when_it_is_back(
    broker: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, producer = [0.0], Counting(Producer(broker.bootstrap))
    log = KafkaClaimLog(producer, pause=1.0, clock=lambda: now[0])
    monkeypatch.setattr(kafka, "_SEND_TIMEOUT_SECONDS", 30.0)
    log.append(CLAIM)

    monkeypatch.setattr(kafka, "_SEND_TIMEOUT_SECONDS", 0.2)
    broker.broker_down()
    for _ in range(5):
        with pytest.raises(Unavailable) as away:
            log.append(CLAIM)
        assert away.value.retry_after == 1.0
    assert producer.asked == 2

    broker.broker_up()
    monkeypatch.setattr(kafka, "_SEND_TIMEOUT_SECONDS", 30.0)
    now[0] = 1.0
    log.append(CLAIM)
    assert producer.asked == 3


def test_a_caller_whose_deadline_has_passed_gets_deadline_exceeded(broker: EmbeddedKafka) -> None:
    broker.broker_down()
    log = KafkaClaimLog(BatchingProducer(Producer(broker.bootstrap)))
    with within(0.1), pytest.raises(DeadlineExceeded):
        log.append(CLAIM)
