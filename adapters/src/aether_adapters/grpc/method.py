"""A gRPC method as the kit sees it: plain values on one side, bytes on the other, and what it demands.

The contract's generator writes one `Method` for each rpc; server and clients are driven by it alone, so
neither needs protoc's gRPC code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aether_adapters.kernel.identity import Access

Value = TypeVar("Value")
Request = TypeVar("Request")
Response = TypeVar("Response")


# The generic ones have no slots: `Codec[Invoice](...)` would fail on Python 3.11, whose slotted dataclasses
# refuse the `__orig_class__` that typing sets.
@dataclass(frozen=True, kw_only=True)
class Codec(Generic[Value]):
    """Serialises one type of the contract.

    `from_wire` raises `errors.Malformed` or protobuf's `DecodeError` for bytes that are no such value.
    """

    to_wire: Callable[[Value], bytes]
    from_wire: Callable[[bytes], Value]


@dataclass(frozen=True, kw_only=True)
class Method(Generic[Request, Response]):
    """One unary rpc.

    `path` is `/<package>.<Service>/<Method>`. `idempotent` lets a client repeat a call whose outcome it
    does not know. `caller` builds the request's `caller` field from the keywords `subject`, `roles` and `session`;
    None where the request has no such field. `scopes` are those the token must carry, as at the REST door.
    """

    path: str
    access: Access
    idempotent: bool
    request: Codec[Request]
    response: Codec[Response]
    caller: Callable[..., object] | None = None
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Bound(Generic[Request, Response]):
    """A method and what answers it."""

    method: Method[Request, Response]
    call: Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a server needs to offer one proto service; `name` is its full name."""

    name: str
    methods: tuple[Bound[Any, Any], ...]
