"""Call metadata: tokens of the caller and of the calling service, request id, trace context and criticality."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import structlog

from aether_adapters.kernel.addresses import reported
from aether_adapters.kernel.criticality import CRITICALITY, HEADER
from aether_adapters.kernel.identity import CLIENT
from aether_adapters.kernel.request_id import VALID_TEXT
from aether_adapters.kernel.trace_context import traceparent
from aether_adapters.observability.logging import REQUEST_ID

AUTHORIZATION: Final = "authorization"
SERVICE_AUTHORIZATION: Final = "x-service-authorization"
"""The token of the service that makes a call for somebody else, whose token is in `authorization`: a gateway's.

By it the server knows that the call was counted against the limits of the gateway's own server, and that the client's
address in the request is the gateway's word.
"""
_CLIENT_ADDRESS: Final = "x-client-address"
"""The address of the client of a call for the audit log; believed from a service that vouches for the caller."""
Pairs = tuple[tuple[str, str], ...]
"""The metadata of an outgoing call."""
_REQUEST_ID: Final = "x-request-id"
_TRACEPARENT: Final = "traceparent"

"""As the REST server takes them: every log line carries the request id, and another service reads it."""
_PROCESS: Final = os.urandom(12).hex()
_CALLS: Final = itertools.count()
"""Together they identify a call without a request id; a random id for each would cost five times as much."""


@dataclass(slots=True)
class Head:
    """What the metadata of an incoming call says; tokens are empty if absent and not verified yet."""

    token: str = field(default="", repr=False)
    service_token: str = field(default="", repr=False)
    request_id: str = ""
    traceparent: str = ""
    criticality: str = ""
    """As the client sent it, see `kernel.criticality.of_call`."""
    client_address: str = ""
    """As the client sent it."""

    def bind(self) -> None:
        """Set the request id and bind the trace to the log context of this thread's call."""
        REQUEST_ID.set(self.request_id)
        if self.traceparent:
            structlog.contextvars.bind_contextvars(traceparent=self.traceparent)


def read_head(metadata: Iterable[tuple[str, str | bytes]]) -> Head:
    """Read the metadata of an incoming call; the last of several values with one name counts."""
    head = Head()
    for key, value in metadata:
        if key == AUTHORIZATION:
            head.token = _bearer(value)
        elif key == SERVICE_AUTHORIZATION:
            head.service_token = _bearer(value)
        elif key == _REQUEST_ID and VALID_TEXT.fullmatch(str(value)):
            head.request_id = str(value)
        elif key == _TRACEPARENT:
            head.traceparent = traceparent(str(value)) or ""
        elif key == HEADER:
            head.criticality = str(value)
        elif key == _CLIENT_ADDRESS:
            head.client_address = reported(str(value)) or ""
    if not head.request_id:
        head.request_id = f"{_PROCESS}{next(_CALLS):08x}"
    return head


def _bearer(value: str | bytes) -> str:
    scheme, _, token = str(value).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def outgoing(token: str | None, service_token: str | None = None, *, audited: bool = False) -> Pairs:
    """Return the metadata of an outgoing call: the tokens, and the id, trace and criticality of the request being served.

    A call that is `audited` also carries the client's address.
    """
    pairs = []
    if token:
        pairs.append((AUTHORIZATION, f"Bearer {token}"))
    if service_token:
        pairs.append((SERVICE_AUTHORIZATION, f"Bearer {service_token}"))
    request_id = REQUEST_ID.get()
    if request_id:
        pairs.append((_REQUEST_ID, request_id))
    known = structlog.contextvars.get_contextvars()
    if "traceparent" in known:
        pairs.append((_TRACEPARENT, known["traceparent"]))
    level = CRITICALITY.get()
    if level is not None:
        pairs.append((HEADER, level.name.lower()))
    if audited and (client := CLIENT.get()) is not None:
        pairs.append((_CLIENT_ADDRESS, client.address))
    return tuple(pairs)
