"""Model of a bound REST contract: each operation, with every input and output bound to a proto field.

`binding.request` and `binding.response` build it; `emit.rest` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from aether_tools.compiler.model.contracts import EnumRef, Field, Message, Method, Scalar, Service, WellKnown
from aether_tools.finding import Location


class Direction(Enum):
    """Whether a schema describes a request or a response."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class One:
    """A single value. `bounded`: the schema already enforces the field's range, so no check is generated."""

    type: Scalar | WellKnown | EnumRef
    bounded: bool = False
    etag: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """A message, converted by the functions of `Binding.mappings[mapping]`."""

    mapping: int


@dataclass(frozen=True, slots=True)
class ListOf:
    """A repeated field."""

    item: One | Object


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map field."""

    key: Scalar
    item: One | Object


Conversion = One | Object | ListOf | MapOf


class Origin(Enum):
    """Where an input comes from. Values are attributes of `aether_adapters.rest.Inputs`."""

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
"""No default. None cannot say so, because null is a valid default."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input and the field that it fills. `sure`: always present, because it is required or has a default."""

    origin: Origin
    name: str
    field: Field
    conversion: Conversion
    sure: bool
    nullable: bool = False
    default: object = NOTHING


@dataclass(slots=True)
class RequestMapping:
    """A message built from inputs. `parts` is by proto field name."""

    message: Message
    parts: dict[str, Source | RequestMapping] = field(default_factory=dict)
    caller: Field | None = None


@dataclass(slots=True)
class MessageMapping:
    """A message bound to the object schema at `location`; becomes one function in the generated module.

    `schema` is the name of its component, or empty. `sources` holds the properties to read or write. `refused`
    holds properties that a request must not have, with the reason. `exclusive` names the oneofs of which the
    schema itself requires exactly one member.
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
    """A field of the response, at any depth, and its conversion."""

    path: tuple[Field, ...]
    conversion: Conversion


@dataclass(frozen=True, slots=True)
class Header:
    """A response header: one field, or a template of text and percent-encoded fields."""

    name: str
    source: Output | tuple[str | Output, ...]


@dataclass(frozen=True, slots=True)
class Response:
    """One success status. `selector` is the field that selects it; None for the default status."""

    status: int
    selector: tuple[Field, ...] | None
    headers: tuple[Header, ...]
    body: Output | None
    """An empty path is the response itself."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One OpenAPI operation, bound to a method of the port."""

    operation_id: str
    python_name: str
    method: Method
    request: RequestMapping
    response: Message | WellKnown
    body: MessageMapping | None
    """Mapping of the request body, if its properties are fields of the request."""
    responses: tuple[Response, ...]
    scopes: tuple[str, ...]
    raw_body: bool
    doc: str
    deprecated: bool
    declared_criticality: str = ""
    """Its x-criticality, in upper case; empty without it."""

    @property
    def criticality(self) -> str:
        """What an overloaded server refuses first."""
        return self.declared_criticality or self.method.criticality


@dataclass(frozen=True, slots=True)
class Binding:
    """All operations of a REST contract, bound. `Object.mapping` is an index into `mappings`."""

    service: Service
    operations: tuple[Operation, ...]
    mappings: tuple[MessageMapping, ...]

    def all_mappings(self) -> Iterator[MessageMapping]:
        """Every mapping, those of whole request bodies too."""
        yield from self.mappings
        yield from (operation.body for operation in self.operations if operation.body is not None)
