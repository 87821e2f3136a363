"""The merged log of a run: each line behind the name of the process that wrote it."""

from __future__ import annotations

from typing import Final, TextIO

from aether_tools.console import coloured, discard

_COLOURS: Final = (36, 33, 35, 32, 34, 96, 93, 95)  # ANSI foregrounds; red is for what fails


class Log:
    """Writes lines to `stream`; in colours where it is a terminal. A reader that goes away is not missed."""

    def __init__(self, stream: TextIO, names: list[str]) -> None:
        self._stream: TextIO | None = stream
        self._width = max(map(len, names), default=0)
        self._colours = (
            {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(names)} if coloured(stream) else {}
        )

    def line(self, name: str, text: str) -> None:
        """One line that the process `name` wrote."""
        if self._stream is None:
            return
        label = f"{name.ljust(self._width)} |"
        colour = self._colours.get(name)
        try:
            self._stream.write(f"\x1b[{colour}m{label}\x1b[0m {text}\n" if colour else f"{label} {text}\n")
            self._stream.flush()
        except BrokenPipeError:
            # The run goes on, and above all its stop does: a log nobody reads must not leave processes behind.
            discard(self._stream)
            self._stream = None
