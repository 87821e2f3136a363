# mypy: ignore-errors
import datetime

from aether.common.v1 import common_pb2 as _common_pb2
from aether_adapters.contract import options_pb2 as _options_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TemplateStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEMPLATE_STATUS_UNSPECIFIED: _ClassVar[TemplateStatus]
    TEMPLATE_STATUS_DRAFT: _ClassVar[TemplateStatus]
    TEMPLATE_STATUS_PUBLISHED: _ClassVar[TemplateStatus]
    TEMPLATE_STATUS_WITHDRAWN: _ClassVar[TemplateStatus]

class CouponStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COUPON_STATUS_UNSPECIFIED: _ClassVar[CouponStatus]
    COUPON_STATUS_UNUSED: _ClassVar[CouponStatus]
    COUPON_STATUS_LOCKED: _ClassVar[CouponStatus]
    COUPON_STATUS_USED: _ClassVar[CouponStatus]
    COUPON_STATUS_EXPIRED: _ClassVar[CouponStatus]

class ReservationStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESERVATION_STATUS_UNSPECIFIED: _ClassVar[ReservationStatus]
    RESERVATION_STATUS_HELD: _ClassVar[ReservationStatus]
    RESERVATION_STATUS_CONFIRMED: _ClassVar[ReservationStatus]
    RESERVATION_STATUS_RELEASED: _ClassVar[ReservationStatus]
TEMPLATE_STATUS_UNSPECIFIED: TemplateStatus
TEMPLATE_STATUS_DRAFT: TemplateStatus
TEMPLATE_STATUS_PUBLISHED: TemplateStatus
TEMPLATE_STATUS_WITHDRAWN: TemplateStatus
COUPON_STATUS_UNSPECIFIED: CouponStatus
COUPON_STATUS_UNUSED: CouponStatus
COUPON_STATUS_LOCKED: CouponStatus
COUPON_STATUS_USED: CouponStatus
COUPON_STATUS_EXPIRED: CouponStatus
RESERVATION_STATUS_UNSPECIFIED: ReservationStatus
RESERVATION_STATUS_HELD: ReservationStatus
RESERVATION_STATUS_CONFIRMED: ReservationStatus
RESERVATION_STATUS_RELEASED: ReservationStatus

class Benefit(_message.Message):
    __slots__ = ("amount_off", "percent_off")
    AMOUNT_OFF_FIELD_NUMBER: _ClassVar[int]
    PERCENT_OFF_FIELD_NUMBER: _ClassVar[int]
    amount_off: AmountOff
    percent_off: PercentOff
    def __init__(self, amount_off: _Optional[_Union[AmountOff, _Mapping]] = ..., percent_off: _Optional[_Union[PercentOff, _Mapping]] = ...) -> None: ...

class AmountOff(_message.Message):
    __slots__ = ("amount_cents",)
    AMOUNT_CENTS_FIELD_NUMBER: _ClassVar[int]
    amount_cents: int
    def __init__(self, amount_cents: _Optional[int] = ...) -> None: ...

class PercentOff(_message.Message):
    __slots__ = ("percent", "cap_cents")
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    CAP_CENTS_FIELD_NUMBER: _ClassVar[int]
    percent: int
    cap_cents: int
    def __init__(self, percent: _Optional[int] = ..., cap_cents: _Optional[int] = ...) -> None: ...

class Terms(_message.Message):
    __slots__ = ("title", "benefit", "threshold_cents", "quota", "limit_per_user", "claims_from", "valid_from", "valid_until")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    BENEFIT_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_CENTS_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    LIMIT_PER_USER_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    title: str
    benefit: Benefit
    threshold_cents: int
    quota: int
    limit_per_user: int
    claims_from: _timestamp_pb2.Timestamp
    valid_from: _timestamp_pb2.Timestamp
    valid_until: _timestamp_pb2.Timestamp
    def __init__(self, title: _Optional[str] = ..., benefit: _Optional[_Union[Benefit, _Mapping]] = ..., threshold_cents: _Optional[int] = ..., quota: _Optional[int] = ..., limit_per_user: _Optional[int] = ..., claims_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Template(_message.Message):
    __slots__ = ("id", "terms", "status", "claimed", "version", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: int
    terms: Terms
    status: TemplateStatus
    claimed: int
    version: int
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[int] = ..., terms: _Optional[_Union[Terms, _Mapping]] = ..., status: _Optional[_Union[TemplateStatus, str]] = ..., claimed: _Optional[int] = ..., version: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateTemplateRequest(_message.Message):
    __slots__ = ("caller", "terms")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    terms: Terms
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., terms: _Optional[_Union[Terms, _Mapping]] = ...) -> None: ...

class GetTemplateRequest(_message.Message):
    __slots__ = ("caller", "id")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    id: int
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., id: _Optional[int] = ...) -> None: ...

class ListTemplatesRequest(_message.Message):
    __slots__ = ("caller", "page_size", "page_token", "status")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    page_size: int
    page_token: str
    status: TemplateStatus
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., status: _Optional[_Union[TemplateStatus, str]] = ...) -> None: ...

class ListTemplatesResponse(_message.Message):
    __slots__ = ("templates", "next_page_token")
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    templates: _containers.RepeatedCompositeFieldContainer[Template]
    next_page_token: str
    def __init__(self, templates: _Optional[_Iterable[_Union[Template, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PublishTemplateRequest(_message.Message):
    __slots__ = ("caller", "id", "version")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    id: int
    version: int
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., id: _Optional[int] = ..., version: _Optional[int] = ...) -> None: ...

class WithdrawTemplateRequest(_message.Message):
    __slots__ = ("caller", "id", "version")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    id: int
    version: int
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., id: _Optional[int] = ..., version: _Optional[int] = ...) -> None: ...

class ClaimCouponRequest(_message.Message):
    __slots__ = ("caller", "template_id", "idempotency_key")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    template_id: int
    idempotency_key: str
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., template_id: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class Claim(_message.Message):
    __slots__ = ("coupon_id", "template_id")
    COUPON_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    coupon_id: int
    template_id: int
    def __init__(self, coupon_id: _Optional[int] = ..., template_id: _Optional[int] = ...) -> None: ...

class Coupon(_message.Message):
    __slots__ = ("id", "template_id", "title", "benefit", "threshold_cents", "valid_from", "valid_until", "status", "claimed_at", "order_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    BENEFIT_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_CENTS_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_AT_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    template_id: int
    title: str
    benefit: Benefit
    threshold_cents: int
    valid_from: _timestamp_pb2.Timestamp
    valid_until: _timestamp_pb2.Timestamp
    status: CouponStatus
    claimed_at: _timestamp_pb2.Timestamp
    order_id: int
    def __init__(self, id: _Optional[int] = ..., template_id: _Optional[int] = ..., title: _Optional[str] = ..., benefit: _Optional[_Union[Benefit, _Mapping]] = ..., threshold_cents: _Optional[int] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[_Union[CouponStatus, str]] = ..., claimed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., order_id: _Optional[int] = ...) -> None: ...

class GetCouponRequest(_message.Message):
    __slots__ = ("caller", "id")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    id: int
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., id: _Optional[int] = ...) -> None: ...

class ListCouponsRequest(_message.Message):
    __slots__ = ("caller", "page_size", "page_token", "status")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    page_size: int
    page_token: str
    status: CouponStatus
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., status: _Optional[_Union[CouponStatus, str]] = ...) -> None: ...

class ListCouponsResponse(_message.Message):
    __slots__ = ("coupons", "next_page_token")
    COUPONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    coupons: _containers.RepeatedCompositeFieldContainer[Coupon]
    next_page_token: str
    def __init__(self, coupons: _Optional[_Iterable[_Union[Coupon, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Activity(_message.Message):
    __slots__ = ("id", "title", "course_id", "price_cents", "starts_at", "ends_at", "quantity", "held", "sold", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    COURSE_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_CENTS_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    SOLD_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: int
    title: str
    course_id: int
    price_cents: int
    starts_at: _timestamp_pb2.Timestamp
    ends_at: _timestamp_pb2.Timestamp
    quantity: int
    held: int
    sold: int
    version: int
    def __init__(self, id: _Optional[int] = ..., title: _Optional[str] = ..., course_id: _Optional[int] = ..., price_cents: _Optional[int] = ..., starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., quantity: _Optional[int] = ..., held: _Optional[int] = ..., sold: _Optional[int] = ..., version: _Optional[int] = ...) -> None: ...

class CreateActivityRequest(_message.Message):
    __slots__ = ("caller", "title", "course_id", "price_cents", "starts_at", "ends_at", "quantity")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    COURSE_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_CENTS_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    title: str
    course_id: int
    price_cents: int
    starts_at: _timestamp_pb2.Timestamp
    ends_at: _timestamp_pb2.Timestamp
    quantity: int
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., title: _Optional[str] = ..., course_id: _Optional[int] = ..., price_cents: _Optional[int] = ..., starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., quantity: _Optional[int] = ...) -> None: ...

class GetActivityRequest(_message.Message):
    __slots__ = ("caller", "id")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    id: int
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., id: _Optional[int] = ...) -> None: ...

class ListActivitiesRequest(_message.Message):
    __slots__ = ("caller", "page_size", "page_token")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    page_size: int
    page_token: str
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListActivitiesResponse(_message.Message):
    __slots__ = ("activities", "next_page_token")
    ACTIVITIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    activities: _containers.RepeatedCompositeFieldContainer[Activity]
    next_page_token: str
    def __init__(self, activities: _Optional[_Iterable[_Union[Activity, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CloseActivityRequest(_message.Message):
    __slots__ = ("caller", "id", "version")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    caller: _common_pb2.Caller
    id: int
    version: int
    def __init__(self, caller: _Optional[_Union[_common_pb2.Caller, _Mapping]] = ..., id: _Optional[int] = ..., version: _Optional[int] = ...) -> None: ...

class QuoteItem(_message.Message):
    __slots__ = ("course_id", "quantity", "price_cents", "activity_id")
    COURSE_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_CENTS_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_ID_FIELD_NUMBER: _ClassVar[int]
    course_id: int
    quantity: int
    price_cents: int
    activity_id: int
    def __init__(self, course_id: _Optional[int] = ..., quantity: _Optional[int] = ..., price_cents: _Optional[int] = ..., activity_id: _Optional[int] = ...) -> None: ...

class QuoteRequest(_message.Message):
    __slots__ = ("buyer", "items", "coupon_ids")
    BUYER_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    COUPON_IDS_FIELD_NUMBER: _ClassVar[int]
    buyer: str
    items: _containers.RepeatedCompositeFieldContainer[QuoteItem]
    coupon_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, buyer: _Optional[str] = ..., items: _Optional[_Iterable[_Union[QuoteItem, _Mapping]]] = ..., coupon_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class QuoteLine(_message.Message):
    __slots__ = ("course_id", "quantity", "price_cents", "discount_cents", "payable_cents")
    COURSE_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_CENTS_FIELD_NUMBER: _ClassVar[int]
    DISCOUNT_CENTS_FIELD_NUMBER: _ClassVar[int]
    PAYABLE_CENTS_FIELD_NUMBER: _ClassVar[int]
    course_id: int
    quantity: int
    price_cents: int
    discount_cents: int
    payable_cents: int
    def __init__(self, course_id: _Optional[int] = ..., quantity: _Optional[int] = ..., price_cents: _Optional[int] = ..., discount_cents: _Optional[int] = ..., payable_cents: _Optional[int] = ...) -> None: ...

class QuoteResult(_message.Message):
    __slots__ = ("lines", "total_cents", "discount_cents", "payable_cents", "coupon_ids")
    LINES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_CENTS_FIELD_NUMBER: _ClassVar[int]
    DISCOUNT_CENTS_FIELD_NUMBER: _ClassVar[int]
    PAYABLE_CENTS_FIELD_NUMBER: _ClassVar[int]
    COUPON_IDS_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[QuoteLine]
    total_cents: int
    discount_cents: int
    payable_cents: int
    coupon_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, lines: _Optional[_Iterable[_Union[QuoteLine, _Mapping]]] = ..., total_cents: _Optional[int] = ..., discount_cents: _Optional[int] = ..., payable_cents: _Optional[int] = ..., coupon_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class ReserveRequest(_message.Message):
    __slots__ = ("order_id", "buyer", "activity_id", "quantity", "expires_at")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    buyer: str
    activity_id: int
    quantity: int
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, order_id: _Optional[int] = ..., buyer: _Optional[str] = ..., activity_id: _Optional[int] = ..., quantity: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Reservation(_message.Message):
    __slots__ = ("order_id", "activity_id", "quantity", "expires_at", "status")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    activity_id: int
    quantity: int
    expires_at: _timestamp_pb2.Timestamp
    status: ReservationStatus
    def __init__(self, order_id: _Optional[int] = ..., activity_id: _Optional[int] = ..., quantity: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[_Union[ReservationStatus, str]] = ...) -> None: ...

class ConfirmRequest(_message.Message):
    __slots__ = ("order_id",)
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    def __init__(self, order_id: _Optional[int] = ...) -> None: ...

class ReleaseRequest(_message.Message):
    __slots__ = ("order_id",)
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    def __init__(self, order_id: _Optional[int] = ...) -> None: ...

class Reservations(_message.Message):
    __slots__ = ("reservations",)
    RESERVATIONS_FIELD_NUMBER: _ClassVar[int]
    reservations: _containers.RepeatedCompositeFieldContainer[Reservation]
    def __init__(self, reservations: _Optional[_Iterable[_Union[Reservation, _Mapping]]] = ...) -> None: ...

class LockCouponsRequest(_message.Message):
    __slots__ = ("order_id", "buyer", "coupon_ids", "expires_at")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    COUPON_IDS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    buyer: str
    coupon_ids: _containers.RepeatedScalarFieldContainer[int]
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, order_id: _Optional[int] = ..., buyer: _Optional[str] = ..., coupon_ids: _Optional[_Iterable[int]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RedeemCouponsRequest(_message.Message):
    __slots__ = ("order_id",)
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    def __init__(self, order_id: _Optional[int] = ...) -> None: ...

class ReleaseCouponsRequest(_message.Message):
    __slots__ = ("order_id",)
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    def __init__(self, order_id: _Optional[int] = ...) -> None: ...

class LockedCoupons(_message.Message):
    __slots__ = ("coupon_ids",)
    COUPON_IDS_FIELD_NUMBER: _ClassVar[int]
    coupon_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, coupon_ids: _Optional[_Iterable[int]] = ...) -> None: ...
