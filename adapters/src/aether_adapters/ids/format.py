"""The format of an id: 41 bits of milliseconds, 10 of worker, 12 of sequence, in a positive 64-bit integer.

Source: https://github.com/twitter-archive/snowflake/tree/snowflake-2010
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""Millisecond 0. Never to be changed: ids already given would no longer say when. The last one is in 2094."""

EPOCH_MS: Final = int(EPOCH.timestamp() * 1000)
"""The epoch, in milliseconds since 1970."""

WORKERS: Final = 1024
"""How many processes may issue ids for one database at a time."""

SEQUENCES: Final = 4096
"""How many ids one worker may issue in one millisecond."""

WORKER_SHIFT: Final = 12
MILLISECOND_SHIFT: Final = 22
LAST_MS: Final = (1 << 41) - 1


@dataclass(frozen=True, slots=True)
class Parts:
    """What an id says."""

    moment: datetime
    worker: int
    sequence: int


def parts(snowflake: int) -> Parts:
    """Take an id apart: when it was issued, to the millisecond, by which worker, as its how-manyth."""
    return Parts(
        EPOCH + timedelta(milliseconds=snowflake >> MILLISECOND_SHIFT),
        snowflake >> WORKER_SHIFT & WORKERS - 1,
        snowflake & SEQUENCES - 1,
    )
