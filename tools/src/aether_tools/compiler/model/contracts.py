"""The contracts as the compiler sees them: what the proto files say, with every name resolved.

The proto front end builds these; the OpenAPI front end binds operations to them; the writers read both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from aether_tools.finding import Location


class Scalar(Enum):
    """A proto scalar type, by its proto name."""

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
        """The Python type of a value."""
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
    """A well-known type the compiler gives a Python type of its own; named by its full proto name."""

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
        """The scalar a wrapper type holds; None where it is no wrapper."""
        name = self.value.removeprefix("google.protobuf.")
        if not name.endswith("Value") or self in (WellKnown.VALUE, WellKnown.LIST_VALUE):
            return None
        return Scalar(name.removesuffix("Value").lower())


@dataclass(frozen=True, slots=True)
class EnumMember:
    name: str
    """The proto name, such as INVOICE_STATUS_OPEN."""
    python_name: str
    number: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class EnumType:
    """A proto enum. `members` leaves out a zero whose name ends in _UNSPECIFIED."""

    full_name: str
    python_name: str
    package: str
    members: tuple[EnumMember, ...]
    comment: str
    location: Location
    event: bool = False
    """Whether it stands in events.proto."""

    @property
    def zero(self) -> EnumMember | None:
        """The member that stands for an unset field; None where zero is _UNSPECIFIED."""
        return next((member for member in self.members if member.number == 0), None)


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message type, by its full proto name; look it up in `Contracts.messages`."""

    full_name: str


@dataclass(frozen=True, slots=True)
class EnumRef:
    """An enum type, by its full proto name; look it up in `Contracts.enums`."""

    full_name: str


FieldType = Scalar | WellKnown | MessageRef | EnumRef


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message.

    `map_key` is set on a map, whose `type` is then the type of its values. `optional` is proto3's explicit
    presence. `oneof` names the oneof it belongs to.
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

    @property
    def nullable(self) -> bool:
        """Whether the Python field may be None: it has presence and is not required."""
        wrapper = isinstance(self.type, WellKnown) and self.type.wraps is not None
        return not self.repeated and self.map_key is None and (self.optional or wrapper)


@dataclass(frozen=True, slots=True)
class Message:
    full_name: str
    python_name: str
    package: str
    fields: tuple[Field, ...]
    comment: str
    location: Location
    event: bool = False
    """Whether it stands in events.proto."""
    required_oneofs: frozenset[str] = frozenset()
    """The oneofs of which one member must be set, because a REST contract requires it."""

    def field(self, name: str) -> Field | None:
        """The field of that proto name."""
        return next((field for field in self.fields if field.name == name), None)

    def by_json_name(self, name: str) -> Field | None:
        """The field of that ProtoJSON name."""
        return next((field for field in self.fields if field.json_name == name), None)


class MethodAccess(Enum):
    """Who may call a method; the names are those of `aether_adapters.kernel.identity.Access`."""

    CALLER = "CALLER"
    PUBLIC = "PUBLIC"
    SERVICE = "SERVICE"


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    python_name: str
    request: MessageRef | WellKnown
    response: MessageRef | WellKnown
    access: MethodAccess
    idempotent: bool
    comment: str
    location: Location
    deprecated: bool = False
    scopes: tuple[str, ...] = ()
    """The scopes a token must carry, sorted: those of the method's REST operations."""


@dataclass(frozen=True, slots=True)
class Service:
    full_name: str
    name: str
    methods: tuple[Method, ...]
    comment: str
    location: Location


@dataclass(frozen=True, slots=True)
class Package:
    """One proto package, such as acme.billing.v1; `domain` is "common" for the shared one."""

    name: str
    domain: str
    version: str
    files: tuple[str, ...]
    """Proto files, relative to the proto root."""
    messages: tuple[Message, ...]
    enums: tuple[EnumType, ...]
    service: Service | None

    def demanding(self, scopes: Mapping[str, tuple[str, ...]]) -> Package:
        """The same package, with the scopes that each method asks for, by `<service>/<method>`."""
        if self.service is None:
            return self
        service = self.service
        methods = tuple(
            replace(method, scopes=scopes.get(f"{service.full_name}/{method.name}", ()))
            for method in service.methods
        )
        return replace(self, service=replace(service, methods=methods))


@dataclass(frozen=True, slots=True)
class Contracts:
    """Every package of a workspace."""

    workspace: str
    packages: tuple[Package, ...]
    messages: dict[str, Message] = field(default_factory=dict)
    enums: dict[str, EnumType] = field(default_factory=dict)

    def demanding(self, scopes: Mapping[str, tuple[str, ...]]) -> Contracts:
        """The same contracts, with the scopes that each method asks for, by `<service>/<method>`."""
        return replace(self, packages=tuple(package.demanding(scopes) for package in self.packages))

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
        """The full name of the message both edges fill with the verified caller."""
        return f"{self.workspace}.common.v1.Caller"

    def services(self) -> Iterator[tuple[Package, Service]]:
        """Each package that has a service, with it."""
        for package in self.packages:
            if package.service is not None:
                yield package, package.service
