# mypy: ignore-errors
from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class Access(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_UNSPECIFIED: _ClassVar[Access]
    ACCESS_PUBLIC: _ClassVar[Access]
    ACCESS_SERVICE: _ClassVar[Access]

class Criticality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CRITICALITY_UNSPECIFIED: _ClassVar[Criticality]
    CRITICALITY_SHEDDABLE: _ClassVar[Criticality]
    CRITICALITY_SHEDDABLE_PLUS: _ClassVar[Criticality]
    CRITICALITY_CRITICAL: _ClassVar[Criticality]
    CRITICALITY_CRITICAL_PLUS: _ClassVar[Criticality]
ACCESS_UNSPECIFIED: Access
ACCESS_PUBLIC: Access
ACCESS_SERVICE: Access
CRITICALITY_UNSPECIFIED: Criticality
CRITICALITY_SHEDDABLE: Criticality
CRITICALITY_SHEDDABLE_PLUS: Criticality
CRITICALITY_CRITICAL: Criticality
CRITICALITY_CRITICAL_PLUS: Criticality
ACCESS_FIELD_NUMBER: _ClassVar[int]
access: _descriptor.FieldDescriptor
SERVICES_FIELD_NUMBER: _ClassVar[int]
services: _descriptor.FieldDescriptor
AUDIT_FIELD_NUMBER: _ClassVar[int]
audit: _descriptor.FieldDescriptor
CRITICALITY_FIELD_NUMBER: _ClassVar[int]
criticality: _descriptor.FieldDescriptor
