"""Request handler of one gRPC method: authentication, decoding, the use case, errors, metrics.

One function does it all, because each interceptor of a chain costs a Python call and the order of the steps
is fixed.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn

import grpc
import structlog
from google.protobuf.message import DecodeError

from aether_adapters.grpc.metadata import AUTHORIZATION, REQUEST_ID, TRACEPARENT
from aether_adapters.grpc.method import Bound, Method
from aether_adapters.grpc.metrics import HANDLED, SECONDS
from aether_adapters.grpc.status import DETAILS, code_of, details_of
from aether_adapters.grpc.thread_pool import waited
from aether_adapters.kernel.deadline import DEADLINE
from aether_adapters.kernel.errors import DeadlineExceeded, Exhausted, Kind, Malformed, Unauthenticated
from aether_adapters.kernel.identity import ANONYMOUS, TOKEN, Access, Identity, Verify, authorise
from aether_adapters.kernel.problems import ErrorTable, Problem

UnaryHandler = Callable[[bytes, grpc.ServicerContext], bytes]

_MAX_DEADLINE_SECONDS: Final = 365 * 86400.0
"""gRPC reports a call without a deadline as one that ends centuries from now."""
_MAX_MESSAGE_CHARACTERS: Final = 1024
"""Length of the error text in the plain status message; the details carry all of it."""
_MAX_REQUEST_ID_CHARACTERS: Final = 128
"""Every log line carries the request id."""
_PROCESS: Final = os.urandom(12).hex()
_CALLS: Final = itertools.count()
"""Together they identify a call without a request id; a random id for each would cost five times as much."""
_LOG: Final = structlog.get_logger("aether.grpc")


def handler(bound: Bound[Any, Any], *, errors: ErrorTable, verify: Verify, deadline: float) -> UnaryHandler:
    """Build the handler of one method, which gRPC calls in a thread of its pool.

    gRPC runs each call in a context of its own, so context variables set here end with the call. `deadline`
    (seconds) applies if the caller set none. A call that waited for a thread longer than the time it has left
    is refused as `exhausted`.
    """
    method, call = bound.method, bound.call
    service, _, name = method.path.removeprefix("/").partition("/")
    succeeded = HANDLED.labels(service, name, grpc.StatusCode.OK.name)
    seconds = SECONDS.labels(service, name)
    decode, encode = method.request.from_wire, method.response.to_wire
    admit = _admission(method, verify)
    fill = _caller_filler(method)

    def serve(data: bytes, context: grpc.ServicerContext) -> bytes:
        started = time.monotonic()
        try:
            left = context.time_remaining()
            if left is None or left > _MAX_DEADLINE_SECONDS:
                left = deadline
            elif left <= 0:
                raise DeadlineExceeded("The deadline passed before the work started.")
            if waited() > left:
                # Started now, it would probably exceed its deadline and leave the caller without a result;
                # refuse it.
                raise busy()
            DEADLINE.set(started + left)
            identity = admit(_read(context))
            try:
                request = decode(data)
            except DecodeError as error:
                raise Malformed("", "the message cannot be decoded") from error
            if fill is not None:
                fill(request, identity)
            answer = encode(call(request))
        except Exception as error:
            _refuse(error, context, errors, service, name)
        else:
            succeeded.inc()
            return answer
        finally:
            seconds.observe(time.monotonic() - started)

    return serve


def _read(context: grpc.ServicerContext) -> str:
    """Bind request id and trace to the log context; return the bearer token, or an empty string."""
    token, known = "", {}
    for key, value in context.invocation_metadata():
        if key == AUTHORIZATION:
            scheme, _, token = str(value).partition(" ")
            if scheme.lower() != "bearer":
                token = ""
        elif key == REQUEST_ID and len(value) <= _MAX_REQUEST_ID_CHARACTERS:
            known["request_id"] = value
        elif key == TRACEPARENT:
            known["traceparent"] = value
    if "request_id" not in known:
        known["request_id"] = f"{_PROCESS}{next(_CALLS):x}"
    structlog.contextvars.bind_contextvars(**known)
    return token.strip()


def _admission(method: Method[Any, Any], verify: Verify) -> Callable[[str], Identity]:
    def anyone(_: str) -> Identity:
        return ANONYMOUS

    def caller(token: str) -> Identity:
        if not token:
            raise Unauthenticated("This method needs a bearer token.")
        identity = verify(token)
        authorise(identity, method.access, method.scopes)
        TOKEN.set(token)
        return identity

    if method.access is not Access.PUBLIC:
        return caller
    if method.scopes:
        raise ValueError(f"{method.path}: a public method cannot require scopes")
    return anyone


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


def _refuse(
    error: Exception, context: grpc.ServicerContext, errors: ErrorTable, service: str, name: str
) -> NoReturn:
    """Abort the call with the status of `error`; always raises, as `abort` does."""
    problem = errors.problem(error)
    try:
        details = details_of(problem)
    except (ValueError, TypeError) as unfit:
        # A Struct cannot hold some values, such as text with a lone surrogate; the caller still gets a
        # status.
        _LOG.warning("problem has no wire form", problem_type=problem.type, reason=repr(unfit))
        problem = errors.problem(unfit)
        details = details_of(problem)
    code = code_of(problem.kind)
    HANDLED.labels(service, name, code.name).inc()
    if problem.kind is Kind.INTERNAL:
        _LOG.error("call failed", grpc_service=service, grpc_method=name, exc_info=error)
    elif problem.status >= 500:
        _LOG.warning("call refused", grpc_service=service, grpc_method=name, problem=problem.type)
    context.set_trailing_metadata(((DETAILS, details),))
    context.abort(code, problem.detail[:_MAX_MESSAGE_CHARACTERS])


def busy() -> Exhausted:
    """Return the error for a call that the server has no time for."""
    return Exhausted("The server is busy; try again.", retry_after=1.0)


def refusal(
    problem: Problem, pool: ThreadPoolExecutor
) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
    """Build a handler that refuses every call with `problem` in `pool`, so that no busy thread is needed.

    It is a streaming handler, because gRPC starts those before the first message arrives.
    """
    code, details = code_of(problem.kind), details_of(problem)

    def refuse(_: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata(((DETAILS, details),))
        context.abort(code, problem.detail)

    refuse.experimental_thread_pool = pool  # type: ignore[attr-defined] # grpcio reads the handler's pool from it
    return refuse
