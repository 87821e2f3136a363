"""Admission of calls at their head: capacity, tokens, and how many calls one address may have.

gRPC's only event thread decides. A token that was verified before is only looked up; any other is verified in a thread
of its own, so that a flood of forged tokens delays only calls with new tokens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from random import choice
from typing import Final, ParamSpec

from aether_adapters.grpc.lane import Lane
from aether_adapters.grpc.metadata import SERVICE_AUTHORIZATION, read_head
from aether_adapters.grpc.peer import AddressCap, address_of
from aether_adapters.grpc.refusal import Refusal, count
from aether_adapters.grpc.rpc_call import RpcCall
from aether_adapters.kernel.concurrency import Limiter
from aether_adapters.kernel.criticality import of_call
from aether_adapters.kernel.errors import Exhausted, Forbidden, Unauthenticated
from aether_adapters.kernel.identity import (
    ANONYMOUS,
    Access,
    Client,
    Identity,
    Verify,
    authorise,
    recall,
)
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.work_pool import Overloaded
from aether_adapters.observability import access_log
from aether_adapters.observability.audit_log import record_refusal
from aether_adapters.observability.overload import OverloadRefusals

P = ParamSpec("P")

_DELAYS: Final = 32
"""Different retry delays of refusals."""
_NO_TOKEN: Final = Unauthenticated("This method needs a bearer token.")
_VERIFIERS: Final = 2
"""Threads that verify new tokens: one may wait for keys while the other checks signatures."""


class Admission(Lane):
    """The lane of a service's own methods: their handlers have a `method`, whose access it enforces.

    A call that a service's token vouches for counts against no address. `new_tokens` calls may wait for the
    verification of their token.
    """

    def __init__(
        self,
        *,
        limiter: Limiter,
        half_open: int,
        message_seconds: float,
        errors: ErrorTable,
        verify: Verify,
        busy: Refusal,
        late: Refusal,
        calls_per_address: int,
        new_tokens: int = 256,
        access_log: bool = True,
    ) -> None:
        super().__init__(
            "grpc",
            limiter=limiter,
            half_open=half_open,
            message_seconds=message_seconds,
            busy=busy,
            late=late,
        )
        self._errors = errors
        self._access_log = access_log
        self._refusals = OverloadRefusals("grpc")
        # Delays are random, and building the details of a status takes as long as a small call.
        self._busy_delays = [Refusal.of(Overloaded(), errors) for _ in range(_DELAYS)]
        self._verify = verify
        self._recall = recall(verify)
        self._addresses = AddressCap(calls_per_address)
        self._too_many = Refusal.of(
            Exhausted("Too many calls of this address at once; wait for answers.", retry_after=1.0), errors
        )
        self._no_token = Refusal.of(_NO_TOKEN, errors)
        self._verifiers = ThreadPoolExecutor(_VERIFIERS, thread_name_prefix="grpc-tokens")
        self._new_tokens = threading.BoundedSemaphore(new_tokens)

    def begin(self, call: RpcCall, /) -> None:
        """Refuse a call that must not run, or wait for its message."""
        method = call.behaviour.method
        head = call.head = read_head(call.metadata)
        identity: Identity | None = ANONYMOUS
        if method.access is not Access.PUBLIC:
            if not head.token:
                self._turn_away(call, _NO_TOKEN, self._no_token)
                return
            identity = self._recall(head.token)
        service = self._recall(head.service_token) if head.service_token else ANONYMOUS
        trusted = (identity is not None and identity.service) or (service is not None and service.service)
        call.criticality = of_call(method.criticality, head.criticality, trusted=trusted)
        if not self.admits(call):
            self.refuse(call, self._busy)
        elif identity is not None and service is not None:
            self._admit(call, identity, service)
        elif self._new_tokens.acquire(blocking=False):
            self._verifiers.submit(self._verify_new, call)
        else:
            self.refuse(call, self._busy)

    def stop(self) -> None:
        """End the threads after the calls queued so far."""
        super().stop()
        self._verifiers.shutdown(wait=False, cancel_futures=True)

    def _verify_new(self, call: RpcCall) -> None:
        """Verify the tokens of a call in a thread, then go on as with known ones."""
        head, method = call.head, call.behaviour.method
        assert head is not None  # noqa: S101 # read in `begin`
        try:
            if call.over:
                call.leave()
                return
            identity = ANONYMOUS if method.access is Access.PUBLIC else self._verify(head.token)
            service = self._service(head.service_token) if head.service_token else ANONYMOUS
        except Exception as error:
            self._turn_away(call, error, Refusal.of(error, self._errors, method.path))
        else:
            self._admit(call, identity, service)
        finally:
            self._new_tokens.release()

    def _service(self, token: str) -> Identity:
        try:
            return self._verify(token)
        except Unauthenticated as error:
            reason = f"{SERVICE_AUTHORIZATION}: {error.reason}"
            raise Unauthenticated(f"{SERVICE_AUTHORIZATION}: {error.detail}", reason=reason) from error

    def _admit(self, call: RpcCall, identity: Identity, service: Identity) -> None:
        method = call.behaviour.method
        assert call.head is not None  # noqa: S101 # read in `begin`
        call.address = address = address_of(call.peer())
        if service.service and call.head.client_address:
            address = call.head.client_address
        try:
            if service is not ANONYMOUS and not service.service:
                raise Unauthenticated(f"{SERVICE_AUTHORIZATION} must hold the token of a service.")
            if method.access is not Access.PUBLIC:
                authorise(identity, method.access, method.scopes, method.services)
        except Exception as error:
            self._turn_away(
                call, error, Refusal.of(error, self._errors, method.path), Client(identity, address)
            )
            return
        call.identity = identity
        call.vouched = identity.service or service.service
        call.criticality = of_call(method.criticality, call.head.criticality, trusted=call.vouched)
        if method.audit:
            call.client = Client(identity, address)
        if call.vouched or self._addresses.take(call):
            self.wait(call)
        else:
            self.refuse(call, self._too_many)

    def _turn_away(
        self, call: RpcCall, error: Exception, refusal: Refusal, client: Client | None = None
    ) -> None:
        """Refuse a call for its token, with the reason in the log, and in the audit log if the method is recorded."""
        name, reason = call.behaviour.method.audit, ""
        if isinstance(error, (Unauthenticated, Forbidden)):
            reason = error.reason
            if name:
                by = client or Client(ANONYMOUS, address_of(call.peer()))
                _in_context_of(call, record_refusal, name, error, self._errors, by.identity, by.address)
        self.refuse(call, refusal, reason)

    def refuse(self, call: RpcCall, refusal: Refusal, reason: str = "") -> None:
        """Count and log the refusal, then end the call with it; overload costs no line."""
        path, head = call.behaviour.method.path, call.head
        if refusal is self._busy:
            self._refusals.count(call.criticality)
            refusal = choice(self._busy_delays)  # noqa: S311 # spreads load, hides nothing
        elif self._access_log and head is not None:
            seconds = time.monotonic() - call.since
            code = refusal.code.name
            _in_context_of(call, access_log.record_call, path, code, seconds, head.request_id, reason)
        count(path, refusal.code)
        call.refuse(refusal)


def _in_context_of(call: RpcCall, log: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Write a log line with the request id and the trace of a call, which this thread does not serve."""

    def write() -> None:
        assert call.head is not None  # noqa: S101 # read in `begin`
        call.head.bind()
        log(*args, **kwargs)

    copy_context().run(write)
