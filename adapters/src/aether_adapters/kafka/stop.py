"""Stop signal of a consumer loop."""

from __future__ import annotations

from typing import Protocol


class Stop(Protocol):
    """The part of `threading.Event` that a loop needs."""

    def is_set(self) -> bool:
        """Whether to stop."""
