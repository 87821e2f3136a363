"""Format of an id: 41 bits of milliseconds, 10 of worker, 12 of sequence, in a positive 64-bit integer.

Source: https://github.com/twitter-archive/snowflake/tree/snowflake-2010
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""Millisecond 0. Never change it: the times of issued ids would change. The last millisecond is in 2094."""

EPOCH_MS: Final = int(EPOCH.timestamp() * 1000)
"""The epoch in milliseconds since 1970."""

WORKERS: Final = 1024
"""Maximum number of processes that issue ids for one database at a time."""

SEQUENCES: Final = 4096
"""Maximum number of ids per worker and millisecond."""

WORKER_SHIFT: Final = 12
MILLISECOND_SHIFT: Final = 22
LAST_MS: Final = (1 << 41) - 1


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an id."""

    moment: datetime
    worker: int
    sequence: int


def parts(snowflake: int) -> Parts:
    """Split an id into its time of issue (to the millisecond), worker and sequence number."""
    return Parts(
        EPOCH + timedelta(milliseconds=snowflake >> MILLISECOND_SHIFT),
        snowflake >> WORKER_SHIFT & WORKERS - 1,
        snowflake & SEQUENCES - 1,
    )
