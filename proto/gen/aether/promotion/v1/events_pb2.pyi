# mypy: ignore-errors
import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClaimDecided(_message.Message):
    __slots__ = ("coupon_id", "template_id", "generation", "owner", "idempotency_key", "occurred_at")
    COUPON_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    coupon_id: int
    template_id: int
    generation: int
    owner: str
    idempotency_key: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, coupon_id: _Optional[int] = ..., template_id: _Optional[int] = ..., generation: _Optional[int] = ..., owner: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ClaimsClosed(_message.Message):
    __slots__ = ("template_id", "generation", "occurred_at")
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    template_id: int
    generation: int
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, template_id: _Optional[int] = ..., generation: _Optional[int] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CouponClaimed(_message.Message):
    __slots__ = ("coupon_id", "template_id", "owner", "occurred_at")
    COUPON_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    coupon_id: int
    template_id: int
    owner: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, coupon_id: _Optional[int] = ..., template_id: _Optional[int] = ..., owner: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CouponRedeemed(_message.Message):
    __slots__ = ("coupon_id", "template_id", "owner", "order_id", "occurred_at")
    COUPON_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    coupon_id: int
    template_id: int
    owner: str
    order_id: int
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, coupon_id: _Optional[int] = ..., template_id: _Optional[int] = ..., owner: _Optional[str] = ..., order_id: _Optional[int] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReservationReleased(_message.Message):
    __slots__ = ("order_id", "activity_id", "quantity", "occurred_at")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    activity_id: int
    quantity: int
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, order_id: _Optional[int] = ..., activity_id: _Optional[int] = ..., quantity: _Optional[int] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
