"""Kafka broker for development: librdkafka's mock cluster, on a loopback port inside this process.

For development and fault tests only. It keeps about 5 MB per partition and silently drops older records,
accepts transactions without enforcing them, and loses everything with the process: tests of durability need a
real broker. The functions are those of `rdkafka_mock.h`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType, TracebackType
from typing import Final, Protocol, Self

from aether_adapters.embedded.forward import Forwarder

_BROKER_ID: Final = 1
_PRODUCER_TYPE: Final = 0
_NO_TOPICS: Final[Mapping[str, int]] = MappingProxyType({})


class _Cluster(Protocol):
    """The mock cluster, however it is reached."""

    bootstrap: str

    def call(self, function: str, *arguments: object) -> int:
        """Call `rd_kafka_mock_<function>` and return its error code; 0 is success."""

    def close(self) -> None:
        """Stop the cluster."""


class _NativeCluster:
    """The mock cluster through ctypes, in the librdkafka that confluent-kafka is linked with."""

    def __init__(self) -> None:
        self._library = _librdkafka()
        message = ctypes.create_string_buffer(512)
        configuration = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set_log_cb(configuration, None)  # its faults are intended
        self._handle = self._library.rd_kafka_new(_PRODUCER_TYPE, configuration, message, len(message))
        if not self._handle:
            raise RuntimeError(f"librdkafka returned no handle: {message.value.decode()}")
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._handle, 1)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._handle)
            raise RuntimeError("librdkafka could not start its mock cluster on a loopback port.")
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self.call("group_initial_rebalance_delay_ms", 0)  # the first consumer joins at once
        self.call("set_group_consumer_heartbeat_interval_ms", 200)  # the same, in the protocol of KIP-848
        self.call("set_controller_id", _BROKER_ID)  # AdminClient needs a controller

    def call(self, function: str, *arguments: object) -> int:
        code: int = getattr(self._library, f"rd_kafka_mock_{function}")(self._cluster, *arguments)
        return code

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._handle)


class _ProducerCluster:
    """The mock cluster of a Producer, for platforms where ctypes cannot reach librdkafka's functions.

    It cannot inject faults, creates topics on first use with 4 partitions, needs 3 s for the first group
    join, and has no controller for AdminClient.
    """

    def __init__(self) -> None:
        from confluent_kafka import Producer

        self._owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        broker = next(iter(self._owner.list_topics(timeout=10).brokers.values()))
        self.bootstrap = f"{broker.host}:{broker.port}"

    def call(self, function: str, *arguments: object) -> int:
        del arguments
        raise NotImplementedError(
            f"{function}: on this platform the embedded Kafka runs without access to librdkafka's mock "
            "functions. Use a real broker (AETHER_TEST_KAFKA) for what needs them."
        )

    def close(self) -> None:
        del self._owner


def _librdkafka() -> ctypes.CDLL:
    """Load librdkafka through the extension that links it, whether bundled or the system's.

    Raises `OSError` or `AttributeError` if that fails.
    """
    from confluent_kafka import cimpl

    library = ctypes.CDLL(cimpl.__file__)
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    declarations: dict[str, tuple[object, tuple[object, ...]]] = {
        "conf_new": (pointer, ()),
        "conf_set_log_cb": (None, (pointer, pointer)),
        "new": (pointer, (number, pointer, text, ctypes.c_size_t)),
        "destroy": (None, (pointer,)),
        "mock_cluster_new": (pointer, (pointer, number)),
        "mock_cluster_destroy": (None, (pointer,)),
        "mock_cluster_bootstraps": (text, (pointer,)),
        "mock_topic_create": (number, (pointer, text, number, number)),
        "mock_group_initial_rebalance_delay_ms": (None, (pointer, ctypes.c_int32)),
        "mock_set_group_consumer_heartbeat_interval_ms": (None, (pointer, number)),
        "mock_set_apiversion": (number, (pointer, ctypes.c_int16, ctypes.c_int16, ctypes.c_int16)),
        "mock_set_controller_id": (None, (pointer, ctypes.c_int32)),
        "mock_broker_set_down": (number, (pointer, ctypes.c_int32)),
        "mock_broker_set_up": (number, (pointer, ctypes.c_int32)),
        "mock_broker_set_rtt": (number, (pointer, ctypes.c_int32, number)),
        "mock_broker_set_host_port": (number, (pointer, ctypes.c_int32, text, number)),
        "mock_push_request_errors_array": (None, (pointer, ctypes.c_int16, ctypes.c_size_t, pointer)),
        "mock_clear_request_errors": (None, (pointer, ctypes.c_int16)),
    }
    for name, (result, arguments) in declarations.items():
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def _start() -> _Cluster:
    with suppress(OSError, AttributeError):
        return _NativeCluster()
    return _ProducerCluster()


class EmbeddedKafka:
    """A mock broker with the given topics (name to number of partitions); it ends with this process.

    `port` 0 picks a free port; a fixed one goes through a forwarder. Other topics are created on first use
    with 4 partitions. Use it as a context manager, or call `start` and `stop`.
    """

    def __init__(self, topics: Mapping[str, int] = _NO_TOPICS, *, port: int = 0) -> None:
        self._topics = dict(topics)
        self._port = port
        self._cluster: _Cluster | None = None
        self._forwarder: Forwarder | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, as `host:port`."""
        return self._forwarder.address if self._forwarder else self._running.bootstrap

    def start(self) -> Self:
        """Start the broker; raises `OSError` if a fixed port is in use."""
        self._cluster = _start()
        try:
            if self._port:
                self._forward(self._cluster)
            for topic, partitions in self._topics.items():
                self.create_topic(topic, partitions)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the broker and drop its data."""
        if self._forwarder is not None:
            self._forwarder.close()
            self._forwarder = None
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def create_topic(self, topic: str, partitions: int = 1) -> None:
        """Create a topic; raises `ValueError` if that fails."""
        if isinstance(self._running, _ProducerCluster):
            return  # created on first use
        self._checked(self._running.call, "topic_create", topic.encode(), partitions, 1)

    def broker_down(self) -> None:
        """Close all connections and refuse new ones, until `broker_up`."""
        self._checked(self._running.call, "broker_set_down", _BROKER_ID)

    def broker_up(self) -> None:
        """Accept connections again."""
        self._checked(self._running.call, "broker_set_up", _BROKER_ID)

    def rtt(self, milliseconds: int) -> None:
        """Delay every response."""
        self._checked(self._running.call, "broker_set_rtt", _BROKER_ID, milliseconds)

    def push_errors(self, api_key: int, *errors: int) -> None:
        """Answer the next requests of the Kafka API `api_key` (0 Produce, 1 Fetch, 8 OffsetCommit) with these codes.

        A code is a `confluent_kafka.KafkaError` constant. Each request uses one up; 0 means success.
        """
        codes = (ctypes.c_int * len(errors))(*errors)
        self._running.call("push_request_errors_array", api_key, len(errors), codes)

    def clear_errors(self, api_key: int) -> None:
        """Drop the unused errors of `api_key`."""
        self._running.call("clear_request_errors", api_key)

    def without_api(self, api_key: int) -> None:
        """Behave like an old broker without the Kafka API `api_key`, such as 68 (ConsumerGroupHeartbeat)."""
        self._checked(self._running.call, "set_apiversion", api_key, -1, -1)

    @property
    def _running(self) -> _Cluster:
        if self._cluster is None:
            raise RuntimeError("The embedded Kafka is not running; call start() first.")
        return self._cluster

    def _forward(self, cluster: _Cluster) -> None:
        # The mock always picks its own port, but can advertise another.
        host, _, port = cluster.bootstrap.rpartition(":")
        self._forwarder = Forwarder(self._port, (host, int(port)))
        self._checked(cluster.call, "broker_set_host_port", _BROKER_ID, b"127.0.0.1", self._port)

    @staticmethod
    def _checked(call: Callable[..., int], function: str, *arguments: object) -> None:
        code = call(function, *arguments)
        if code:
            raise ValueError(f"librdkafka's mock refused {function}{arguments}: error {code}")
