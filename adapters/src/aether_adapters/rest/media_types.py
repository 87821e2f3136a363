"""Media types of request bodies (RFC 9110, section 8.3)."""

from __future__ import annotations

from aether_adapters.kernel.errors import Unsupported


class MediaTypes:
    """The media types that one operation accepts."""

    __slots__ = ("declared", "known")

    def __init__(self, declared: tuple[str, ...]) -> None:
        """`declared` in the contract's order; may hold ranges such as `*/*` and `image/*`."""
        self.declared = tuple(media.lower() for media in declared)
        self.known: dict[bytes | None, bool] = {media.encode(): _is_json(media) for media in self.declared}
        """Results of `is_json` for the most common spellings."""
        if self.declared:
            self.known[None] = _is_json(self.declared[0])

    def is_json(self, content_type: bytes | None) -> bool:
        """Whether to parse a body of this Content-Type as JSON; None means the first declared type.

        Raises `Unsupported` for an undeclared type, or JSON in an encoding other than UTF-8.
        """
        known = self.known.get(content_type)
        return self._check(content_type or b"") if known is None else known

    def _check(self, content_type: bytes) -> bool:
        media, *options = (part.strip() for part in content_type.decode("latin-1").lower().split(";"))
        wanted = {media, media.split("/")[0] + "/*", "*/*"}
        if wanted.isdisjoint(self.declared) or media.count("/") != 1:
            raise Unsupported(f"This operation accepts {', '.join(self.declared)}.")
        if not _is_json(media):
            return False
        for option in options:
            name, _, value = option.partition("=")
            if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8", "us-ascii"):
                raise Unsupported("JSON is UTF-8 (RFC 8259, section 8.1).")
        return True


def _is_json(media: str) -> bool:
    return media == "application/json" or (media.startswith("application/") and media.endswith("+json"))
