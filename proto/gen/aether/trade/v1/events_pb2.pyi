# mypy: ignore-errors
import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OrderPlaced(_message.Message):
    __slots__ = ("order_id", "buyer", "payable_cents", "deadline", "lines", "occurred_at")
    class Line(_message.Message):
        __slots__ = ("course_id", "quantity", "payable_cents", "activity_id")
        COURSE_ID_FIELD_NUMBER: _ClassVar[int]
        QUANTITY_FIELD_NUMBER: _ClassVar[int]
        PAYABLE_CENTS_FIELD_NUMBER: _ClassVar[int]
        ACTIVITY_ID_FIELD_NUMBER: _ClassVar[int]
        course_id: int
        quantity: int
        payable_cents: int
        activity_id: int
        def __init__(self, course_id: _Optional[int] = ..., quantity: _Optional[int] = ..., payable_cents: _Optional[int] = ..., activity_id: _Optional[int] = ...) -> None: ...
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    PAYABLE_CENTS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    buyer: str
    payable_cents: int
    deadline: _timestamp_pb2.Timestamp
    lines: _containers.RepeatedCompositeFieldContainer[OrderPlaced.Line]
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, order_id: _Optional[int] = ..., buyer: _Optional[str] = ..., payable_cents: _Optional[int] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[OrderPlaced.Line, _Mapping]]] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OrderPaid(_message.Message):
    __slots__ = ("order_id", "buyer", "paid_cents", "payment_id", "occurred_at")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    PAID_CENTS_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    buyer: str
    paid_cents: int
    payment_id: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, order_id: _Optional[int] = ..., buyer: _Optional[str] = ..., paid_cents: _Optional[int] = ..., payment_id: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OrderClosed(_message.Message):
    __slots__ = ("order_id", "buyer", "reason", "occurred_at")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    buyer: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, order_id: _Optional[int] = ..., buyer: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OrderRefunded(_message.Message):
    __slots__ = ("order_id", "refund_id", "buyer", "refunded_cents", "whole", "occurred_at")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    REFUND_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    REFUNDED_CENTS_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    refund_id: int
    buyer: str
    refunded_cents: int
    whole: bool
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, order_id: _Optional[int] = ..., refund_id: _Optional[int] = ..., buyer: _Optional[str] = ..., refunded_cents: _Optional[int] = ..., whole: _Optional[bool] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OrderFinished(_message.Message):
    __slots__ = ("order_id", "buyer", "occurred_at")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    buyer: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, order_id: _Optional[int] = ..., buyer: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
