"""Content codings of request bodies (RFC 9110, section 8.4), decoded under the body limit."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final, Literal

from aether_adapters.kernel.errors import Malformed, TooLarge, Unsupported

Coding = Literal["gzip", "deflate"]

_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's parameter for each coding: 31 reads the gzip format, 15 the zlib format."""
_MAX_CODINGS: Final = 2


class UnsupportedCoding(Unsupported):
    """The body has a content coding that is not accepted; `accepted` is the value of Accept-Encoding."""

    def __init__(self, accepted: str) -> None:
        super().__init__(f"This service accepts bodies with Content-Encoding: {accepted}.")
        self.accepted = accepted


class ContentCodings:
    """Decodes bodies that are sent with one of the accepted codings."""

    def __init__(self, accepted: Sequence[Coding], limit: int) -> None:
        """`limit` is the maximum size of a decoded body in bytes."""
        self._window_bits = {
            name: bits for name, bits in _WINDOW_BITS.items() if name.removeprefix("x-") in accepted
        }
        self._names = ", ".join(sorted(set(accepted))) or "identity"
        self._limit = limit

    def check(self, sent: bytes) -> list[int]:
        """Return zlib's parameter for each coding in a Content-Encoding header, the last applied first.

        Raises `UnsupportedCoding`.
        """
        codings = [part.strip().lower() for part in sent.decode("latin-1").split(",", 2 * _MAX_CODINGS)]
        wanted = [coding for coding in codings if coding not in ("", "identity")]
        if len(wanted) > _MAX_CODINGS or not all(coding in self._window_bits for coding in wanted):
            raise UnsupportedCoding(self._names)
        return [self._window_bits[coding] for coding in reversed(wanted)]

    def decoded(self, body: bytes, codings: Sequence[int]) -> bytes:
        """Return the decoded body. Raises `Malformed` if it is damaged, `TooLarge` above the limit."""
        for bits in codings:
            body = self._inflated(body, bits)
        return body

    def _inflated(self, body: bytes, bits: int) -> bytes:
        inflater = zlib.decompressobj(bits)
        try:
            plain = inflater.decompress(body, self._limit + 1)
        except zlib.error:
            raise Malformed("Content-Encoding", "is not the coding of the body") from None
        if len(plain) > self._limit:
            raise TooLarge(f"The decoded body is larger than {self._limit} bytes.")
        if not inflater.eof or inflater.unused_data:
            raise Malformed("Content-Encoding", "does not fit: the body ends before or after its coding does")
        return plain
