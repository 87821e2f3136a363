"""Random texts for tokens."""

from secrets import token_urlsafe


class SystemRandomness:
    """The operating system's random bytes."""

    def text(self, size_bytes: int, /) -> str:
        return token_urlsafe(size_bytes)
