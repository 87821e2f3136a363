"""Responses of the server itself to what is no HTTP request, or too much of one; no application sees these."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from aether_adapters.rest.connections import ConnectionLimits
from aether_adapters.rest.problems import NO_STORE
from aether_adapters.rest.response_headers import SAFE

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection ends; `reason` names it in metrics and, in kebab-case, in the problem's type."""

    reason: str
    status: HTTPStatus
    detail: str

    def message(self, headers: Iterable[Header]) -> bytes:
        """Return the whole response, an RFC 9457 problem that announces the end of the connection."""
        body = json.dumps(
            {
                "detail": self.detail,
                "status": self.status.value,
                "title": self.reason.replace("-", " ").capitalize(),
                "type": f"/problems/{self.reason}",
            },
            separators=(",", ":"),
        ).encode()
        fields = [
            *headers,
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            NO_STORE,
            *SAFE,
            (b"connection", b"close"),
        ]
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            fields.append((b"retry-after", b"1"))
        start = f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n".encode()
        return start + b"".join(name + b": " + value + b"\r\n" for name, value in fields) + b"\r\n" + body


class Refused(Exception):
    """Raised inside the parser to end the request with `refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def malformed(what: str) -> Refusal:
    """Return the refusal of a request that breaks RFC 9112; `what` says where."""
    return Refusal("malformed", HTTPStatus.BAD_REQUEST, f"This is no HTTP/1.1 request: {what}.")


class Refusals:
    """The refusals of one server, worded once with its limits."""

    def __init__(self, limits: ConnectionLimits) -> None:
        too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        late = HTTPStatus.REQUEST_TIMEOUT
        self.head_bytes = Refusal(
            "head-too-large", too_large, f"The head of a request may have {limits.head_bytes} bytes."
        )
        self.head_fields = Refusal(
            "head-too-large", too_large, f"A request may have {limits.head_fields} header fields."
        )
        self.head_late = Refusal(
            "head-timeout", late, f"The head did not arrive within {limits.head_seconds:g} seconds."
        )
        self.body_late = Refusal(
            "body-timeout", late, f"The body did not arrive within {limits.body_seconds:g} seconds."
        )
        self.framing = malformed("its body consists of chunk headers rather than of data")
        self.unwanted = malformed("its body goes on although the response is there")
        self.hosts = malformed("it must have one Host field")
        self.coding_1_0 = malformed("HTTP/1.0 knows no Transfer-Encoding")
        self.coding = Refusal(
            "unsupported-coding", HTTPStatus.NOT_IMPLEMENTED, "The only Transfer-Encoding here is chunked."
        )
        self.tunnel = Refusal(
            "unsupported-method", HTTPStatus.NOT_IMPLEMENTED, "This server opens no tunnels."
        )
        self.version = Refusal(
            "unsupported-version", HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server speaks HTTP/1.1."
        )
        self.full = Refusal(
            "unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "This server has too many connections."
        )
