"""How a loop is told to end."""

from __future__ import annotations

from typing import Protocol


class Stop(Protocol):
    """A `threading.Event`, as far as a loop needs one."""

    def is_set(self) -> bool:
        """Whether to end now."""
