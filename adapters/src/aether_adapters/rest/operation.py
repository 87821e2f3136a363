"""What generated code hands to the edge: one `Operation` for each operationId of a contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aether_adapters.kernel.identity import Access, Identity


@dataclass(slots=True)
class Inputs:
    """One request, already proven against the contract; `decode` turns it into the port's request.

    `path`, `query` and `header` map parameter names, spelled as in the contract, to JSON values of the
    declared type (`type: string` stays a string, whatever its format); defaults are filled in and a parameter
    that was not sent and has none is missing. `body` is the parsed JSON body, the raw bytes for other media types,
    None where none was sent. `raw_body` is empty unless a body was read.
    """

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    header: Mapping[str, Any]
    body: Any
    raw_body: bytes
    identity: Identity
    client_address: str


Field = tuple[str, str] | tuple[bytes, bytes]
"""A header field. Text that is not printable ASCII is percent-encoded; bytes go out as they are."""


class Reply(NamedTuple):
    """One answer. `body` is JSON-ready; bytes go out as they are; None sends no body."""

    status: int
    headers: tuple[Field, ...] = ()
    body: object = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: how a request becomes a call of the inbound port, and its result a reply.

    `decode` raises `errors.Malformed` for what no schema can say. `scopes` are those the token must carry.
    `needs_raw_body` reads the body even where the contract declares none (signed callbacks).
    """

    operation_id: str
    access: Access
    decode: Callable[[Inputs], Any]
    call: Callable[[Any], Awaitable[Any]]
    encode: Callable[[Any], Reply]
    scopes: frozenset[str] = frozenset()
    needs_raw_body: bool = False
