"""Metrics of published key sets."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

IGNORED: Final = Counter(
    "aether_keys_ignored",
    "Keys of a published set that are not used: unreadable, without an id, or with the id of a key that is used.",
    ["key_set", "reason"],
)
UNREADABLE: Final = Counter(
    "aether_key_set_unreadable", "Failed attempts to read a key set; its last keys stay valid.", ["key_set"]
)
READ_AT: Final = Gauge(
    "aether_key_set_read_timestamp_seconds", "When a key set was last read, in Unix seconds.", ["key_set"]
)
