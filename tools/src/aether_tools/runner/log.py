"""Merged log of a run: prefixes each line with the name of the process that wrote it."""

from __future__ import annotations

from typing import Final, TextIO

from aether_tools.console import coloured, discard

_COLOURS: Final = (36, 33, 35, 32, 34, 96, 93, 95)
"""ANSI foreground codes, without red, which means failure."""


class Log:
    """Writes lines to `stream`, in colour at a terminal. Ignores further lines once the reader is gone."""

    def __init__(self, stream: TextIO, names: list[str]) -> None:
        self._stream: TextIO | None = stream
        self._width = max(map(len, names), default=0)
        self._colours = (
            {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(names)} if coloured(stream) else {}
        )

    def line(self, name: str, text: str) -> None:
        """Write one line of the process `name`."""
        if self._stream is None:
            return
        label = f"{name.ljust(self._width)} |"
        colour = self._colours.get(name)
        try:
            self._stream.write(f"\x1b[{colour}m{label}\x1b[0m {text}\n" if colour else f"{label} {text}\n")
            self._stream.flush()
        except BrokenPipeError:
            # Go on, so that the run still stops its processes although nobody reads the log.
            discard(self._stream)
            self._stream = None
