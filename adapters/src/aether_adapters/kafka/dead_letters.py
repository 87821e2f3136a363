"""Dead letters: decides which messages cannot be handled, and keeps them with the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from aether_adapters.kafka.envelope import Headers, NotAnEvent, Record
from aether_adapters.kafka.producer import Outgoing
from aether_adapters.kernel.errors import Kind, TechnicalError
from aether_adapters.kernel.problems import RemoteError
from aether_adapters.observability.tracebacks import message

SUFFIX: Final = ".dead"
VALUE_LEFT: Final = "dead_value_left"
"""Header of a letter without key, value and headers of its message: how many bytes the value has where it was left."""
_PREFIX: Final = "dead_"
_TRANSIENT: Final = frozenset({Kind.UNAVAILABLE, Kind.EXHAUSTED, Kind.DEADLINE})


def is_transient(error: Exception) -> bool:
    """Whether a later attempt may succeed: a service was unavailable, a limit was hit, or time ran out."""
    return isinstance(error, TechnicalError | RemoteError) and error.kind in _TRANSIENT


def is_dead(error: Exception, faults: int, attempts: int) -> bool:
    """Whether a message that has failed `faults` times by its own fault goes to the dead letters.

    A message that is no event does so at once, any other after `attempts` attempts.
    """
    return isinstance(error, NotAnEvent) or faults >= attempts


def dead_letter(record: Record, error: Exception, group: str) -> Outgoing:
    """Return the message for `<topic>.dead`: the same key, value and headers, plus the reason."""
    headers: Headers = [*without_reason(record), *_reason(record, error, group)]
    return record.topic + SUFFIX, record.key, record.value, headers


def coordinates(record: Record, error: Exception, group: str) -> Outgoing:
    """Return the message for `<topic>.dead` of a record that does not fit there: where it is, and the reason.

    Its key is made of the coordinates, since a compacted topic takes no message without one.
    """
    headers = [*_reason(record, error, group), (VALUE_LEFT, str(len(record.value or b"")))]
    return record.topic + SUFFIX, f"{record.topic}-{record.partition}-{record.offset}", b"", headers


def without_reason(record: Record) -> Headers:
    """Return the headers that the message had when it was alive."""
    return [(name, value) for name, value in record.headers if not name.startswith(_PREFIX)]


def _reason(record: Record, error: Exception, group: str) -> Headers:
    # The text may hold what an event held, such as half of a surrogate pair, which no header can.
    # It is masked, because whoever reads the topic need not be whoever may know the passwords of its consumer.
    text = message(error).encode(errors="backslashreplace")
    return [
        ("dead_reason", text),
        ("dead_error", type(error).__qualname__),
        ("dead_group", group),
        ("dead_topic", record.topic),
        ("dead_partition", str(record.partition)),
        ("dead_offset", str(record.offset)),
        ("dead_at", datetime.now(UTC).isoformat()),
    ]
