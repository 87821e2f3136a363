"""Page tokens: where the next page starts, in a form that nobody is tempted to compute."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from aether_promotion.domain.errors import PageTokenNotUsable


def page_token(last: int) -> str:
    """The token of the page after the one that ends with the id `last`."""
    return urlsafe_b64encode(last.to_bytes(8)).decode().rstrip("=")


def page_start(token: str) -> int | None:
    """The id that page starts below; None for the first page, whose token is empty."""
    if not token:
        return None
    try:
        start = int.from_bytes(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        raise PageTokenNotUsable(token) from None
    if not 0 < start < 2**63 or page_token(start) != token:
        raise PageTokenNotUsable(token)
    return start
