"""What the REST writer needs to know: each operation with every input and output bound to a field.

Built by `binding_request` and `binding_reply`, which refuse what does not fit; written by `write_rest`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from aether_tools.compiler.model.contracts import EnumRef, Field, Message, Method, Scalar, Service, WellKnown
from aether_tools.finding import Location


class Direction(Enum):
    """Whether a schema is read from a request or written to a response."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class One:
    """A single value. `bounded`: its schema keeps it in the field's range, so it passes as it is."""

    type: Scalar | WellKnown | EnumRef
    bounded: bool = False
    etag: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """A message, read and written by the functions of its pair."""

    mapping: int


@dataclass(frozen=True, slots=True)
class ListOf:
    """A repeated field."""

    item: One | Object


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map."""

    key: Scalar
    item: One | Object


Conversion = One | Object | ListOf | MapOf


class Origin(Enum):
    """Where an input comes from; the values are attributes of `aether_adapters.rest.Inputs`."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    BODY = "body"
    WHOLE_BODY = "whole body"
    RAW_BODY = "raw_body"
    CLIENT_ADDRESS = "client_address"


class _Nothing(Enum):
    NOTHING = "nothing"


NOTHING: Final = _Nothing.NOTHING
"""No default: null is one."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input and the field it fills. `sure`: the runtime promises a value, required or by default."""

    origin: Origin
    name: str
    field: Field
    conversion: Conversion
    sure: bool
    nullable: bool = False
    default: object = NOTHING


@dataclass(slots=True)
class RequestMapping:
    """A message put together from inputs; `parts` by proto field name."""

    message: Message
    parts: dict[str, Source | RequestMapping] = field(default_factory=dict)
    caller: Field | None = None


@dataclass(slots=True)
class MessageMapping:
    """A message and the schema at `location` that agree: one function in the generated module for each direction.

    `sources` are the properties by which it is read or written. `refused` are properties that a request must not
    carry, with the reason. `exclusive` names the oneofs of which the schema demands exactly one member.
    """

    message: Message
    direction: Direction
    schema: str
    location: Location
    sources: list[Source] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    exclusive: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Output:
    """A field of the response, however deep, and how it is written."""

    path: tuple[Field, ...]
    conversion: Conversion


@dataclass(frozen=True, slots=True)
class Header:
    """A response header: one field, or a template of text and fields, which are percent-encoded."""

    name: str
    source: Output | tuple[str | Output, ...]


@dataclass(frozen=True, slots=True)
class Response:
    """One success status. `selector` is the field that chooses it; None for the one that is left."""

    status: int
    selector: tuple[Field, ...] | None
    headers: tuple[Header, ...]
    body: Output | None
    """An empty path is the whole response."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract, bound to a method of the port."""

    operation_id: str
    python_name: str
    method: Method
    request: RequestMapping
    response: Message | WellKnown
    body: MessageMapping | None
    """The request body, where its properties are fields of the request itself."""
    responses: tuple[Response, ...]
    scopes: tuple[str, ...]
    raw_body: bool
    doc: str
    deprecated: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """A whole contract, bound."""

    service: Service
    operations: tuple[Operation, ...]
    mappings: tuple[MessageMapping, ...]

    def all_mappings(self) -> Iterator[MessageMapping]:
        """Every mapping, those of whole request bodies too."""
        yield from self.mappings
        yield from (operation.body for operation in self.operations if operation.body is not None)
