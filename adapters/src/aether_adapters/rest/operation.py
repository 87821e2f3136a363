"""Interface of generated code to the REST server: one `Operation` for each operationId."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aether_adapters.kernel.criticality import Criticality
from aether_adapters.kernel.identity import Access, Identity


@dataclass(slots=True)
class Inputs:
    """One request, validated against the contract; `decode` turns it into the port's request.

    `path`, `query` and `header` map parameter names, spelled as in the contract, to JSON values of the
    declared type (`type: string` stays a string, whatever its format). Defaults are filled in; an absent
    parameter without one is missing. `body` is the parsed JSON, the bytes of another media type, or None if
    none was sent. `raw_body` is empty unless a body was read.
    """

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    header: Mapping[str, Any]
    body: Any
    raw_body: bytes
    identity: Identity
    client_address: str


Field = tuple[str, str] | tuple[bytes, bytes]
"""A header field. Text outside printable ASCII is percent-encoded; bytes are sent unchanged."""


class Reply(NamedTuple):
    """One response. `body` is a JSON value; bytes are sent unchanged; None sends no body."""

    status: int
    headers: tuple[Field, ...] = ()
    body: object = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: how a request becomes a call of the inbound port, and the result a reply.

    `decode` raises `kernel.errors.Malformed` for rules that no schema can express. The token must carry every
    scope in `scopes`. `services` may call it with tokens of their own, see `authorise`. `needs_raw_body` reads a body even if the contract declares none (signed callbacks).
    `criticality` tells what an overloaded server refuses first. `audit` is its name in the audit log; empty if it is not
    recorded.
    """

    operation_id: str
    access: Access
    decode: Callable[[Inputs], Any]
    call: Callable[[Any], Awaitable[Any]]
    encode: Callable[[Any], Reply]
    scopes: frozenset[str] = frozenset()
    needs_raw_body: bool = False
    services: frozenset[str] = frozenset()
    criticality: Criticality = Criticality.CRITICAL
    audit: str = ""
