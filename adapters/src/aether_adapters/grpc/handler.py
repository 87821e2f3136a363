"""Handler of one gRPC method: decoding, limits, the use case, errors, metrics.

One function does it all, because each interceptor of a chain costs a Python call and the order of the steps
is fixed. Its lane has admitted the call before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from aether_adapters.grpc.admission import Admission
from aether_adapters.grpc.large_messages import LARGE_BYTES, LargeMessages
from aether_adapters.grpc.method import Bound, Method
from aether_adapters.grpc.metrics import HANDLED, SECONDS
from aether_adapters.grpc.refusal import Refusal
from aether_adapters.grpc.rpc_call import RpcCall
from aether_adapters.kernel.criticality import CRITICALITY
from aether_adapters.kernel.deadline import DEADLINE
from aether_adapters.kernel.errors import DeadlineExceeded, Forbidden, Malformed, Unauthenticated
from aether_adapters.kernel.identity import CLIENT, TOKEN, Access, Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.rate_limits import Limits
from aether_adapters.kernel.text import refuse_nul
from aether_adapters.kernel.work_pool import Overloaded
from aether_adapters.observability import access_log
from aether_adapters.observability.overload import OverloadRefusals

_NUL: Final = 0
_MAX_DEADLINE_SECONDS: Final = 365 * 86400.0
"""gRPC reports a call without a deadline as one that ends centuries from now."""


class Handler:
    """Answers the calls of one method, in threads of its `lane`, within `limits`.

    gRPC runs each call in a context of its own, so context variables set here end with the call. Messages that `large`
    takes for large are decoded in turn. `deadline`
    (seconds, from the head of a call) applies if the caller set none. A call that waited for a thread longer than the
    time it has left is refused as `exhausted`. Raises `ValueError` for a public method with scopes.
    """

    def __init__(
        self,
        bound: Bound[Any, Any],
        *,
        errors: ErrorTable,
        lane: Admission,
        deadline: float,
        limits: Limits,
        large: LargeMessages,
        access_log: bool = True,
    ) -> None:
        method = self.method = bound.method
        if method.scopes and method.access is Access.PUBLIC:
            raise ValueError(f"{method.path}: a public method cannot require scopes")
        self.lane = lane
        self._call = bound.call
        self._decode, self._encode = method.request.from_wire, method.response.to_wire
        self._fill = _caller_filler(method)
        self._fill_address = _address_filler(method)
        self._limits = limits.of(*method.operations)
        self._large = large
        self._is_public = method.access is Access.PUBLIC
        self._errors = errors
        self._refusals = OverloadRefusals("grpc")
        self._deadline = deadline
        self._access_log = access_log
        self._labels = service, name = tuple(method.path.removeprefix("/").split("/", 1))
        self._succeeded = HANDLED.labels(service, name, grpc.StatusCode.OK.name)
        self._seconds = SECONDS.labels(service, name)

    def __call__(self, call: RpcCall, context: grpc.ServicerContext) -> bytes:
        """Answer an admitted call."""
        started = time.monotonic()
        code, reason = grpc.StatusCode.OK, ""
        try:
            head = call.head
            assert head is not None and call.message is not None  # noqa: S101 # its lane saw to it
            head.bind()
            left = context.time_remaining()
            if left is None or left > _MAX_DEADLINE_SECONDS:
                left = call.since + self._deadline - started
            if left <= 0:
                raise DeadlineExceeded("The deadline passed before the work started.")
            if started - call.arrived_at > left:
                # Started now, it would probably exceed its deadline and leave the caller without a result;
                # refuse it.
                raise Overloaded
            DEADLINE.set(started + left)
            CRITICALITY.set(call.criticality)
            if call.client is not None:
                CLIENT.set(call.client)
            if not self._is_public:
                TOKEN.set(head.token)
            # The server of a service that calls has counted already.
            if self._limits is not None and not call.vouched:
                self._limits.take(call.identity, call.address)
            if len(call.message) < LARGE_BYTES:
                request = self._decoded(call.message)
            else:
                with self._large.turn(left):
                    request = self._decoded(call.message)
            if self._fill is not None:
                self._fill(request, call.identity)
            if self._fill_address is not None and not call.vouched:
                self._fill_address(request, call.address)
            answer = self._encode(self._call(request))
        except Exception as error:
            if isinstance(error, Overloaded):
                self._refusals.count(call.criticality)
            refusal = Refusal.of(error, self._errors, self.method.path)
            code = refusal.code
            if isinstance(error, (Unauthenticated, Forbidden)):
                reason = error.reason
            HANDLED.labels(*self._labels, code.name).inc()
            context.set_trailing_metadata(refusal.trailers)
            context.abort(code, refusal.detail)
            raise  # `abort` has raised
        else:
            self._succeeded.inc()
            return answer
        finally:
            now = time.monotonic()
            self._seconds.observe(now - started)
            if self._access_log and call.head is not None:
                access_log.record_call(
                    self.method.path, code.name, now - call.since, call.head.request_id, reason
                )

    def _decoded(self, message: bytes) -> Any:
        """Return the request in a message. Raises `Malformed`."""
        try:
            request = self._decode(message)
        except DecodeError as error:
            raise Malformed("", "the message cannot be decoded") from error
        if _NUL in message:  # in a text, or, as often, in the encoding of a number
            refuse_nul(request)
        return request


def _caller_filler(method: Method[Any, Any]) -> Callable[[object, Identity], None] | None:
    make = method.caller
    if make is None:
        return None
    nobody = make(subject="", roles=(), session="")

    def fill(request: object, identity: Identity) -> None:
        if getattr(request, "caller", nobody) != nobody:
            raise Malformed("caller", "is filled from the token; leave it out")
        caller = make(subject=identity.subject, roles=identity.roles, session=identity.session)
        # Only this thread has seen the request yet, and setting one field of the frozen dataclass is three
        # times cheaper than copying all of them.
        object.__setattr__(request, "caller", caller)

    return fill


def _address_filler(method: Method[Any, Any]) -> Callable[[object, str], None] | None:
    if not method.client_addresses:
        return None
    paths = [path.split(".") for path in method.client_addresses]

    def fill(request: object, address: str) -> None:
        for *outer, name in paths:
            holder: Any = request
            for each in outer:
                holder = getattr(holder, each, None)
            if holder is not None:
                object.__setattr__(holder, name, address)

    return fill
