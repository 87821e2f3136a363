"""Model of the contracts: the content of the proto files, with every name resolved.

`compiler.proto` builds it, `compiler.binding` binds OpenAPI operations to it, `compiler.emit` reads both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from aether_tools.finding import Location


class Scalar(Enum):
    """A proto scalar type. Values are proto names."""

    DOUBLE = "double"
    FLOAT = "float"
    INT32 = "int32"
    INT64 = "int64"
    UINT32 = "uint32"
    UINT64 = "uint64"
    SINT32 = "sint32"
    SINT64 = "sint64"
    FIXED32 = "fixed32"
    FIXED64 = "fixed64"
    SFIXED32 = "sfixed32"
    SFIXED64 = "sfixed64"
    BOOL = "bool"
    STRING = "string"
    BYTES = "bytes"

    @property
    def python(self) -> str:
        """Python type of a value."""
        match self:
            case Scalar.DOUBLE | Scalar.FLOAT:
                return "float"
            case Scalar.BOOL:
                return "bool"
            case Scalar.STRING:
                return "str"
            case Scalar.BYTES:
                return "bytes"
            case _:
                return "int"


class WellKnown(Enum):
    """A well-known type that has its own Python type. Values are full proto names."""

    TIMESTAMP = "google.protobuf.Timestamp"
    DURATION = "google.protobuf.Duration"
    EMPTY = "google.protobuf.Empty"
    FIELD_MASK = "google.protobuf.FieldMask"
    STRUCT = "google.protobuf.Struct"
    VALUE = "google.protobuf.Value"
    LIST_VALUE = "google.protobuf.ListValue"
    DOUBLE_VALUE = "google.protobuf.DoubleValue"
    FLOAT_VALUE = "google.protobuf.FloatValue"
    INT64_VALUE = "google.protobuf.Int64Value"
    UINT64_VALUE = "google.protobuf.UInt64Value"
    INT32_VALUE = "google.protobuf.Int32Value"
    UINT32_VALUE = "google.protobuf.UInt32Value"
    BOOL_VALUE = "google.protobuf.BoolValue"
    STRING_VALUE = "google.protobuf.StringValue"
    BYTES_VALUE = "google.protobuf.BytesValue"

    @property
    def wraps(self) -> Scalar | None:
        """Scalar held by a wrapper type. None for any other type."""
        name = self.value.removeprefix("google.protobuf.")
        if not name.endswith("Value") or self in (WellKnown.VALUE, WellKnown.LIST_VALUE):
            return None
        return Scalar(name.removesuffix("Value").lower())


@dataclass(frozen=True, slots=True)
class EnumMember:
    """One value of a proto enum."""

    name: str
    """Proto name, such as INVOICE_STATUS_OPEN."""
    python_name: str
    number: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class EnumType:
    """A proto enum. `members` excludes a zero value whose name ends in _UNSPECIFIED."""

    full_name: str
    python_name: str
    package: str
    members: tuple[EnumMember, ...]
    comment: str
    location: Location
    event: bool = False
    """Whether the enum is declared in events.proto."""

    @property
    def zero(self) -> EnumMember | None:
        """Member with number 0, the value of an unset field. None if zero is _UNSPECIFIED."""
        return next((member for member in self.members if member.number == 0), None)


@dataclass(frozen=True, slots=True)
class MessageRef:
    """Reference to a message type by its full proto name; look it up in `Contracts.messages`."""

    full_name: str


@dataclass(frozen=True, slots=True)
class EnumRef:
    """Reference to an enum type by its full proto name; look it up in `Contracts.enums`."""

    full_name: str


FieldType = Scalar | WellKnown | MessageRef | EnumRef


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message.

    `map_key` is set for a map field; `type` is then the type of its values. `optional` is proto3's explicit
    presence. `oneof` names the oneof that the field belongs to.
    """

    name: str
    json_name: str
    python_name: str
    number: int
    type: FieldType
    location: Location
    repeated: bool = False
    map_key: Scalar | None = None
    optional: bool = False
    oneof: str | None = None
    comment: str = ""
    deprecated: bool = False
    secret: bool = False
    """Whether the contract says `debug_redact`: no repr shows the value."""

    @property
    def nullable(self) -> bool:
        """Whether the Python attribute may be None: the field is `optional` or a wrapper type."""
        wrapper = isinstance(self.type, WellKnown) and self.type.wraps is not None
        return not self.repeated and self.map_key is None and (self.optional or wrapper)


@dataclass(frozen=True, slots=True)
class Message:
    """A proto message."""

    full_name: str
    python_name: str
    package: str
    fields: tuple[Field, ...]
    comment: str
    location: Location
    event: bool = False
    """Whether the message is declared in events.proto."""
    required_oneofs: frozenset[str] = frozenset()
    """The oneofs of which one member must be set, because a REST contract requires it."""

    def field(self, name: str) -> Field | None:
        """Return the field with a proto name, or None."""
        return next((field for field in self.fields if field.name == name), None)

    def by_json_name(self, name: str) -> Field | None:
        """Return the field with a ProtoJSON name, or None."""
        return next((field for field in self.fields if field.json_name == name), None)


class MethodAccess(Enum):
    """Who may call a method. Names match `aether_adapters.kernel.identity.Access`."""

    CALLER = "CALLER"
    PUBLIC = "PUBLIC"
    SERVICE = "SERVICE"


@dataclass(frozen=True, slots=True)
class RestSide:
    """What the REST operations of a method add to it, for gRPC too."""

    operations: tuple[str, ...]
    """Their operationIds, sorted."""
    scopes: tuple[str, ...]
    """Scopes that a token must have, sorted."""
    client_addresses: tuple[str, ...]
    """Paths of the request's fields that hold the client's address, by names in Python."""
    criticality: str = ""
    """The most important level that they declare, in upper case; empty if none does."""


@dataclass(frozen=True, slots=True)
class Method:
    """A unary rpc of a service."""

    name: str
    python_name: str
    request: MessageRef | WellKnown
    response: MessageRef | WellKnown
    access: MethodAccess
    idempotent: bool
    comment: str
    location: Location
    deprecated: bool = False
    services: tuple[str, ...] = ()
    """Services that may call the method with tokens of their own, sorted; `*` is any."""
    audit: bool = False
    """Whether each call is recorded in the audit log."""
    declared_criticality: str = ""
    """What its option declares, in upper case; empty without it."""
    no_side_effects: bool = False
    """Whether it declares that it only reads."""
    rest: RestSide | None = None
    """What its REST operations add; None without any."""

    @property
    def criticality(self) -> str:
        """What an overloaded server refuses first; names match `aether_adapters.kernel.criticality.Criticality`."""
        rest = "" if self.rest is None else self.rest.criticality
        return self.declared_criticality or rest or "CRITICAL"

    @property
    def scopes(self) -> tuple[str, ...]:
        """Scopes that a token must have, sorted: those of the method's REST operations."""
        return () if self.rest is None else self.rest.scopes


@dataclass(frozen=True, slots=True)
class Service:
    """The service of a domain."""

    full_name: str
    name: str
    methods: tuple[Method, ...]
    comment: str
    location: Location

    @property
    def python_name(self) -> str:
        """Name of the port's dataclass: the service's, with `Port` behind it if a method has the same name."""
        return f"{self.name}Port" if any(method.name == self.name for method in self.methods) else self.name


@dataclass(frozen=True, slots=True)
class Package:
    """One proto package, such as acme.billing.v1. `domain` is "common" for the shared package."""

    name: str
    domain: str
    version: str
    files: tuple[str, ...]
    """Proto files, relative to the proto root."""
    messages: tuple[Message, ...]
    enums: tuple[EnumType, ...]
    service: Service | None

    def with_rest(self, sides: Mapping[str, RestSide]) -> Package:
        """Return the package with the REST side of each method, given by `<service>/<method>`."""
        if self.service is None:
            return self
        service = self.service
        methods = tuple(
            replace(method, rest=sides.get(f"{service.full_name}/{method.name}"))
            for method in service.methods
        )
        return replace(self, service=replace(service, methods=methods))


@dataclass(frozen=True, slots=True)
class Contracts:
    """All packages of a workspace. `messages` and `enums` are by full proto name."""

    workspace: str
    packages: tuple[Package, ...]
    messages: dict[str, Message] = field(default_factory=dict)
    enums: dict[str, EnumType] = field(default_factory=dict)

    def with_rest(self, sides: Mapping[str, RestSide]) -> Contracts:
        """Return the contracts with the REST side of each method, given by `<service>/<method>`."""
        return replace(self, packages=tuple(package.with_rest(sides) for package in self.packages))

    def requiring(self, oneofs: Mapping[str, frozenset[str]]) -> Contracts:
        """The same contracts, with the oneofs that must be set, by the full name of their message."""

        def marked(message: Message) -> Message:
            return replace(message, required_oneofs=oneofs.get(message.full_name, frozenset()))

        packages = tuple(
            replace(package, messages=tuple(map(marked, package.messages))) for package in self.packages
        )
        messages = {name: marked(message) for name, message in self.messages.items()}
        return replace(self, packages=packages, messages=messages)

    @property
    def caller(self) -> str:
        """Full name of the message that both edges fill with the verified caller."""
        return f"{self.workspace}.common.v1.Caller"

    def services(self) -> Iterator[tuple[Package, Service]]:
        """Yield each package that has a service, with the service."""
        for package in self.packages:
            if package.service is not None:
                yield package, package.service
