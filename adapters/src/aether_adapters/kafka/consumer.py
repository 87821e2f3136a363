"""Consumer that passes events to their handlers at least once, in order within a partition."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import structlog
from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from opentelemetry import propagate, trace

from aether_adapters.kafka import metrics
from aether_adapters.kafka.batches import BatchHandler, Gathered
from aether_adapters.kafka.cluster import Cluster
from aether_adapters.kafka.dead_letters import coordinates, dead_letter, is_dead, is_transient
from aether_adapters.kafka.diagnosis import refused_certificate
from aether_adapters.kafka.envelope import Record, from_record, received
from aether_adapters.kafka.lag import Lag
from aether_adapters.kafka.offsets import Offsets
from aether_adapters.kafka.producer import LIBRARY_LOG, Producer, Undelivered
from aether_adapters.kafka.protocol_detection import supports_kip_848
from aether_adapters.kafka.stop import Stop
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import TechnicalError
from aether_adapters.kernel.events import IncomingEvent
from aether_adapters.observability.tracebacks import summary

_LOG = structlog.get_logger("aether.consumer")
_TRACER = trace.get_tracer("aether.kafka")

Handler = Callable[[IncomingEvent], None]
"""Handles an event in its own transaction; it must be idempotent, for example by the inbox."""

_NO_OPTIONS: Final[Mapping[str, object]] = MappingProxyType({})
_NO_BATCHES: Final[Mapping[str, BatchHandler]] = MappingProxyType({})
_POLL_SECONDS: Final = 0.1
_NO_BROKER_SECONDS: Final = 0.25
_LOOKUP_TIMEOUT_SECONDS: Final = 2.0
_CLOSE_TIMEOUT_SECONDS: Final = 3.0
_DEAD_LETTER_TIMEOUT_SECONDS: Final = 10.0
_UNSUPPORTED: Final = frozenset({KafkaError.UNSUPPORTED_VERSION, KafkaError._UNSUPPORTED_FEATURE})


class _Kip848Unsupported(Exception):
    """The brokers do not support the group protocol of KIP-848."""


class Consumer:
    """One member of `group` on `topics`; `handlers` are by event type.

    A transient error pauses the partition and retries the message, in order, until it succeeds. Any other
    error is tried `attempts` times; then the message goes to `<topic>.dead` with the reason, or if it does not fit
    there, its coordinates do. Events of other types are ignored. `seconds` is the deadline of one handler. Offsets are
    committed after the handlers, so a crash repeats messages and loses none.

    `batches` handle neighbours of one type together: those that arrive within a twentieth of a second, at most 200. If
    that fails, each goes to its handler in `handlers` by itself, so one poisonous message spoils no other.

    The group uses the protocol of KIP-848 if the brokers support it, else the classic one. `options` are
    librdkafka's and override the kit's.
    """

    def __init__(
        self,
        cluster: Cluster | str,
        group: str,
        topics: Sequence[str],
        handlers: Mapping[str, Handler],
        *,
        batches: Mapping[str, BatchHandler] = _NO_BATCHES,
        dead_letters: Producer | None = None,
        transient: Callable[[Exception], bool] = is_transient,
        attempts: int = 3,
        seconds: float = 30.0,
        options: Mapping[str, object] = _NO_OPTIONS,
    ) -> None:
        self._cluster = Cluster.of(cluster)
        self._group = group
        self._topics = list(topics)
        self._handlers = dict(handlers)
        self._batches = dict(batches)
        alone = self._batches.keys() - self._handlers.keys()
        if alone:
            raise ValueError(f"batches of {', '.join(sorted(alone))}: give a handler of single events too")
        self._dead_letters = dead_letters or Producer(cluster)
        self._transient = transient
        self._attempts = attempts
        self._seconds = seconds
        self._settings: dict[str, object] = {
            **self._cluster.options(),
            "group.id": group,
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "allow.auto.create.topics": True,
            "topic.metadata.refresh.interval.ms": 5000,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 3,
            **options,
        }
        self._lag = Lag(group)
        self._last_error: int | None = None
        self._last_refusal: str | None = None

    def run(self, stop: Stop) -> None:
        """Consume until `stop` is set; then finish the current messages, commit and leave the group.

        Raises `KafkaException` for an error that librdkafka declares fatal.
        """
        try:
            while not stop.is_set():
                try:
                    if self._choose_protocol():
                        self._consume(stop)
                    else:
                        self._wait_for_broker()
                except _Kip848Unsupported:
                    self._fall_back()
        finally:
            self._dead_letters.close()

    def _choose_protocol(self) -> bool:
        """Return whether the protocol is known; it is not while no broker responds."""
        chosen = self._settings["group.protocol"] == "classic"
        if chosen or self._settings.get("security.protocol", "plaintext") != self._cluster.security:
            return True  # or the options reach the brokers in another way than this could ask them
        answer = supports_kip_848(self._cluster)
        if answer is False:
            self._fall_back()
        return answer is not None

    def _wait_for_broker(self) -> None:
        """Wait a while; a certificate that is refused will not get better by itself, so log it, once."""
        reason = refused_certificate(self._cluster)
        if reason is not None and reason != self._last_refusal:
            _LOG.error("Kafka is in trouble", group=self._group, reason=reason)
        self._last_refusal = reason
        time.sleep(_NO_BROKER_SECONDS)

    def _fall_back(self) -> None:
        _LOG.info("the brokers do not know KIP-848; the classic protocol is used", group=self._group)
        self._settings["group.protocol"] = "classic"
        self._settings["partition.assignment.strategy"] = "cooperative-sticky"

    def _consume(self, stop: Stop) -> None:
        def committed(error: KafkaError | None, partitions: list[TopicPartition]) -> None:
            offsets.committed(error, partitions)

        client = Client(self._settings | {"on_commit": committed}, logger=LIBRARY_LOG)
        offsets, gathered = Offsets(client), Gathered()

        def revoked(_: Client, partitions: list[TopicPartition]) -> None:
            gathered.drop(partitions)
            self._lag.forget(partitions)
            self._try("commit on the way out", lambda: offsets.release(partitions, lost=False))

        def lost(_: Client, partitions: list[TopicPartition]) -> None:
            gathered.drop(partitions)
            self._lag.forget(partitions)
            offsets.release(partitions, lost=True)

        try:
            self._try("look the topics up", lambda: self._look_up_topics(client))
            client.subscribe(self._topics, on_revoke=revoked, on_lost=lost)
            while not stop.is_set():
                busy = gathered.gather(client, _POLL_SECONDS, several=bool(self._batches))
                for kind, messages in gathered.runs(self._batches):
                    if len(messages) == 1 or not self._take_together(kind, messages, offsets):
                        for message in messages:
                            self._take(message, offsets)
                self._try("resume", offsets.resume)
                self._try("commit", lambda idle=not busy: offsets.commit_when_due(idle=idle))  # type: ignore[misc]
                self._try("measure the lag", lambda: self._lag.measure(client))
            self._try("commit", lambda: offsets.commit_and_wait(_CLOSE_TIMEOUT_SECONDS))
        finally:
            self._leave(client)

    def _leave(self, client: Client) -> None:
        # With the broker down, librdkafka looks for it for 45 s before it closes. A stopping service does not
        # wait for that; the group detects the absence by itself.
        closing = threading.Thread(target=client.close, name=f"leave-{self._group}", daemon=True)
        closing.start()
        closing.join(_CLOSE_TIMEOUT_SECONDS)
        if closing.is_alive():
            _LOG.warning("left a group whose broker is away", group=self._group)

    def _look_up_topics(self, client: Client) -> None:
        # Creates the topics if the broker auto-creates them: librdkafka's mock never assigns one created
        # later.
        for topic in self._topics:
            client.list_topics(topic, timeout=_LOOKUP_TIMEOUT_SECONDS)

    def _take_together(self, kind: str, messages: Sequence[Message], offsets: Offsets) -> bool:
        """Handle a batch. Return False if that failed, so that each message must be taken by itself."""
        records = [record for record in map(received, messages) if not offsets.is_held(record)]
        if not records:
            return True
        events = [from_record(record) for record in records]
        causes = [trace.get_current_span(propagate.extract(event.headers)) for event in events]
        with (
            within(self._seconds),
            _TRACER.start_as_current_span(
                f"{kind} process",
                kind=trace.SpanKind.CONSUMER,
                links=[trace.Link(cause.get_span_context()) for cause in causes],
                attributes={"messaging.system": "kafka", "messaging.batch.message_count": len(events)},
            ),
        ):
            try:
                self._batches[kind](events)
            except Exception as error:
                _LOG.info("batch failed; one by one now", group=self._group, type=kind, reason=_reason(error))
                return False
        for record in records:
            self._finish(record, "handled", offsets)
        self._last_error = None
        return True

    def _take(self, message: Message, offsets: Offsets) -> None:
        failure = message.error()
        if failure is not None:
            self._report_error(failure)
            return
        self._last_error = None
        record = received(message)
        if offsets.is_held(record):
            return
        try:
            outcome = self._handle(record)
        except Exception as error:
            self._fail(record, error, offsets)
        else:
            self._finish(record, outcome, offsets)

    def _handle(self, record: Record) -> str:
        event = from_record(record)
        handler = self._handlers.get(event.type)
        if handler is None:
            return "ignored"
        with (
            within(self._seconds),
            _TRACER.start_as_current_span(
                f"{event.type} process",
                context=propagate.extract(event.headers),
                kind=trace.SpanKind.CONSUMER,
                attributes={"messaging.system": "kafka", "messaging.message.id": event.id},
                # They would export the exception's text as it is, with what is masked in the log.
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
        ):
            try:
                handler(event)
            except Exception as error:
                span.set_status(trace.StatusCode.ERROR, summary(error))
                raise
        return "handled"

    def _fail(self, record: Record, error: Exception, offsets: Offsets) -> None:
        retry = offsets.retry(record)
        transient = self._transient(error)
        retry.faults += not transient
        location = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        if not transient and is_dead(error, retry.faults, self._attempts):
            failure = self._bury(record, error)
            if failure is None:
                _LOG.error(
                    "message moved to the dead letters", **location, reason=summary(error), exc_info=error
                )
                self._finish(record, "dead", offsets)
                return
            error = failure
        pause = offsets.put_back(record, retry)
        metrics.RETRIED.labels(self._group, record.topic).inc()
        _LOG.warning(
            "message put back", **location, tries=retry.tries, seconds=round(pause, 2), reason=_reason(error)
        )

    def _bury(self, record: Record, error: Exception) -> Undelivered | None:
        """Send the dead letter; return why that failed, or None."""
        seconds = _DEAD_LETTER_TIMEOUT_SECONDS
        (failure,) = self._dead_letters.deliver_raw([dead_letter(record, error, self._group)], seconds)
        if failure is not None and failure.unfit:
            # With the reason it is larger than it was. A partition must not wait for a message that no one will take.
            (failure,) = self._dead_letters.deliver_raw([coordinates(record, error, self._group)], seconds)
        return failure

    def _finish(self, record: Record, outcome: str, offsets: Offsets) -> None:
        offsets.finish(record)
        metrics.CONSUMED.labels(self._group, record.topic, outcome).inc()

    def _report_error(self, error: KafkaError) -> None:
        code = error.code()
        if code in _UNSUPPORTED and self._settings["group.protocol"] == "consumer":
            raise _Kip848Unsupported
        if error.fatal():
            raise KafkaException(error)
        if code != self._last_error:  # librdkafka repeats it until it is over
            self._last_error = code
            _LOG.warning("Kafka is in trouble", group=self._group, reason=error.str())

    def _try(self, what: str, action: Callable[[], None]) -> None:
        """Run `action`, which a rebalance or an outage may prevent; at worst messages are repeated."""
        try:
            action()
        except KafkaException as error:
            _LOG.warning("Kafka refused", group=self._group, action=what, reason=error.args[0].str())


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, TechnicalError) else summary(error)
