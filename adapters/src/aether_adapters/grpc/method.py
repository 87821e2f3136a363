"""Description of a gRPC method: path, access rules, codecs.

Generated code defines one `Method` for each rpc; server and clients need nothing else, in particular not
protoc's gRPC code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aether_adapters.kernel.criticality import Criticality
from aether_adapters.kernel.identity import Access

Value = TypeVar("Value")
Request = TypeVar("Request")
Response = TypeVar("Response")


# The generic classes have no slots: on Python 3.11 slotted dataclasses reject the `__orig_class__` that
# typing sets, so `Codec[Invoice](...)` would fail.
@dataclass(frozen=True, kw_only=True)
class Codec(Generic[Value]):
    """Serialises one type of the contract.

    `from_wire` raises `kernel.errors.Malformed` or protobuf's `DecodeError` for invalid bytes.
    """

    to_wire: Callable[[Value], bytes]
    from_wire: Callable[[bytes], Value]


@dataclass(frozen=True, kw_only=True)
class Method(Generic[Request, Response]):
    """One unary rpc.

    `path` is `/<package>.<Service>/<Method>`. A client may repeat an `idempotent` call whose outcome it does
    not know. `caller` builds the request's `caller` field from the keywords `subject`, `roles` and `session`;
    None if the request has no such field. The token must carry every scope in `scopes`, as on the REST
    server. `services` may call it with tokens of their own, see `authorise`. `operations` are the operationIds of its
    REST operations, whose rate limits hold for it too. `client_addresses` are the paths of the request's fields that say
    where the client is; they are believed from a service only. `criticality` tells what an overloaded server refuses
    first. `audit` is its name in the audit log; empty if it is not recorded.
    """

    path: str
    access: Access
    idempotent: bool
    request: Codec[Request]
    response: Codec[Response]
    caller: Callable[..., object] | None = None
    scopes: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    operations: tuple[str, ...] = ()
    client_addresses: tuple[str, ...] = ()
    criticality: Criticality = Criticality.CRITICAL
    audit: str = ""


@dataclass(frozen=True)
class Bound(Generic[Request, Response]):
    """A method and the function that implements it."""

    method: Method[Request, Response]
    call: Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Service:
    """The methods of one proto service; `name` is its full name."""

    name: str
    methods: tuple[Bound[Any, Any], ...]
