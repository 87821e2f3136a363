"""Sends Kafka messages that confluent-kafka cannot: with header names that are not UTF-8."""

from __future__ import annotations

import ctypes
from typing import Final

from confluent_kafka import cimpl

_PRODUCER: Final = 0
_TOPIC, _PARTITION, _VALUE, _KEY, _HEADERS = 1, 3, 4, 5, 10
"""`RD_KAFKA_VTYPE_*` of rdkafka.h."""
_FLUSH_MILLISECONDS: Final = 10_000


class _Memory(ctypes.Structure):
    _fields_ = [("pointer", ctypes.c_char_p), ("size", ctypes.c_size_t)]


class _Argument(ctypes.Union):
    _fields_ = [
        ("text", ctypes.c_char_p),
        ("number", ctypes.c_int32),
        ("memory", _Memory),
        ("pointer", ctypes.c_void_p),
        ("room", ctypes.c_char * 64),
    ]


class _Tagged(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("argument", _Argument)]


def send_raw(
    bootstrap: str,
    topic: str,
    headers: list[tuple[bytes, bytes]],
    value: bytes,
    *,
    key: bytes = b"",
    partition: int = 0,
) -> None:
    """Send one message. Raises `AssertionError` if it was not delivered."""
    library = ctypes.CDLL(cimpl.__file__)
    for name, result in (
        ("conf_new", ctypes.c_void_p),
        ("new", ctypes.c_void_p),
        ("headers_new", ctypes.c_void_p),
        ("produceva", ctypes.c_void_p),
    ):
        getattr(library, f"rd_kafka_{name}").restype = result
    configuration = ctypes.c_void_p(library.rd_kafka_conf_new())
    reason = ctypes.create_string_buffer(512)
    for setting, chosen in ((b"bootstrap.servers", bootstrap.encode()), (b"message.max.bytes", b"67108864")):
        library.rd_kafka_conf_set(configuration, setting, chosen, reason, len(reason))
    producer = ctypes.c_void_p(library.rd_kafka_new(_PRODUCER, configuration, reason, len(reason)))
    assert producer, reason.value
    made = ctypes.c_void_p(library.rd_kafka_headers_new(len(headers)))
    for header, text in headers:
        library.rd_kafka_header_add(
            made, header, ctypes.c_ssize_t(len(header)), text, ctypes.c_ssize_t(len(text))
        )
    arguments = (_Tagged * 5)()
    arguments[0].kind, arguments[0].argument.text = _TOPIC, topic.encode()
    arguments[1].kind, arguments[1].argument.number = _PARTITION, partition
    arguments[2].kind, arguments[2].argument.memory = _VALUE, _Memory(value, len(value))
    arguments[3].kind, arguments[3].argument.memory = _KEY, _Memory(key, len(key))
    arguments[4].kind, arguments[4].argument.pointer = _HEADERS, made
    refused = library.rd_kafka_produceva(producer, arguments, ctypes.c_size_t(len(arguments)))
    assert not refused, "librdkafka refused the message"
    assert library.rd_kafka_flush(producer, _FLUSH_MILLISECONDS) == 0, "the message was not delivered"
    library.rd_kafka_destroy(producer)
