"""Request handler of one operation, built at start-up.

Replaces Connexion's security, validation and parameter-decorator layers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from connexion.middleware.abstract import RoutedAPI
from connexion.operations import AbstractOperation
from starlette.types import Receive, Scope

from aether_adapters.kernel.criticality import CRITICALITY, HEADER, of_call
from aether_adapters.kernel.deadline import DEADLINE
from aether_adapters.kernel.errors import (
    DeadlineExceeded,
    Forbidden,
    Malformed,
    TechnicalError,
    Unauthenticated,
)
from aether_adapters.kernel.identity import (
    ANONYMOUS,
    CLIENT,
    TOKEN,
    Access,
    Client,
    Identity,
    Verify,
    authorise,
)
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.rate_limits import Limits
from aether_adapters.kernel.work_pool import Overloaded
from aether_adapters.observability.audit_log import record_refusal
from aether_adapters.rest.body_memory import BodyMemory, BodyShare
from aether_adapters.rest.body_reader import read_rest, refuse, too_long
from aether_adapters.rest.body_schema import RequestBody
from aether_adapters.rest.client_address import ClientAddress
from aether_adapters.rest.content_coding import ContentCodings
from aether_adapters.rest.deadlines import Deadlines
from aether_adapters.rest.explanations import MAX_ERRORS
from aether_adapters.rest.in_flight import ARRIVAL, Admission
from aether_adapters.rest.large_bodies import SMALL_BYTES, LargeBodies
from aether_adapters.rest.operation import Inputs, Operation
from aether_adapters.rest.operation_parameters import Parameters
from aether_adapters.rest.problems import NO_STORE, Challenge, SchemaViolations
from aether_adapters.rest.response import WHOLE_RESPONSE, ResponseSender
from aether_adapters.rest.response_headers import cache_controls

CRITICALITY_FIELD: Final = HEADER.encode("ascii")
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_NO_VALUES: Final = (_NOTHING, _NOTHING, _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedParts:
    """What all operations of one server share; `body_limit` is in bytes."""

    errors: ErrorTable
    verify: Verify
    client_address: ClientAddress
    body_limit: int
    deadlines: Deadlines
    limits: Limits
    codings: ContentCodings
    large_bodies: LargeBodies
    body_memory: BodyMemory
    admission: Admission | None


class CompiledOperation:
    """ASGI app of one operation; its `send` must be the `ResponseSender` that `RestApp` creates."""

    def __init__(
        self,
        operation: Operation,
        declared: AbstractOperation,
        document: Mapping[str, Any],
        shared: SharedParts,
    ) -> None:
        """`declared` is the operation as Connexion resolved it, `document` the contract as written.

        Raises `ValueError` for an unsupported contract.
        """
        if operation.scopes and operation.access is Access.PUBLIC:
            raise ValueError(f"{operation.operation_id}: a public operation cannot require scopes")
        self.id = operation.operation_id
        self._access = operation.access
        self._scopes = operation.scopes
        self._services = operation.services
        self._decode = operation.decode
        self._call = operation.call
        self._encode = operation.encode
        self.criticality = operation.criticality
        self._audit = operation.audit
        self._errors = shared.errors
        self._admission = shared.admission
        self._is_public = operation.access is Access.PUBLIC
        self._is_open = operation.access is Access.CALLER and not operation.scopes
        self._verify = shared.verify
        self._body_limit = shared.body_limit
        self._client_address = shared.client_address
        self._proxied = shared.client_address.trusts
        self._deadlines = shared.deadlines
        self._limits = shared.limits.of(operation.operation_id)
        self._parameters = Parameters(declared.parameters, document)
        self._body = RequestBody.of(document, declared, operation)
        self._codings = shared.codings
        self._large_bodies = shared.large_bodies
        self._body_memory = shared.body_memory
        self._caching = cache_controls(
            document, document["paths"][declared.path][declared.method]["responses"]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: ResponseSender) -> None:
        send.operation = self.id
        headers = send.headers
        level = self.criticality
        sent = headers.get(CRITICALITY_FIELD)
        if sent is not None:
            # Nobody is trusted yet, and a refusal must cost as little as possible.
            level = of_call(level, sent.decode("latin-1"), trusted=False)
        CRITICALITY.set(level)
        arrival, admission = scope.get(ARRIVAL), self._admission
        if arrival is None and admission is not None and not admission.admits(level):
            raise Overloaded
        identity = ANONYMOUS if self._is_public else self._identify(scope, headers)
        self._deadlines.watch(send, send.since)
        DEADLINE.set(send.at)
        share: BodyShare | None = None
        try:
            peer = scope.get("client")
            client = (
                self._client_address(scope, headers)
                if self._proxied or not peer or ":" in peer[0]
                else peer[0]
            )
            if self._audit:
                CLIENT.set(Client(identity, client))
            fields = await self._limits.take_soon(identity, client) if self._limits else ()
            if arrival is not None:
                arrival.end()  # its body may take long to come
            raw, body = b"", None
            errors: list[TechnicalError] = []
            declared = self._body
            if declared is not None:
                announced = headers.get(b"content-length")
                if announced != b"0":
                    if announced is not None and too_long(announced, self._body_limit):
                        await refuse(receive, self._body_limit)
                    message = await receive()
                    raw = message.get("body", b"")
                    if message.get("more_body", True) or len(raw) > self._body_limit:
                        share = self._body_memory.share()
                        raw = await read_rest(receive, message, self._body_limit, share)
                coding = headers.get(b"content-encoding")
                if coding is not None and raw:
                    raw = self._codings.decoded(raw, self._codings.check(coding))
                if len(raw) >= SMALL_BYTES:
                    await self._large_bodies.turn(raw)
                body = declared.value(raw, headers.get(b"content-type"))
            if self._parameters.none and not scope["query_string"]:
                path, query, header = _NO_VALUES
            else:
                path, query, header = self._parameters.read(scope, headers, errors)
            if declared is not None and not declared.check(body, raw, errors):
                if len(raw) >= SMALL_BYTES:
                    await self._large_bodies.turn(raw)  # explaining takes as long as parsing
                declared.explain(body, errors)
            if errors:
                # The error refers to this frame, and the frame to the error: what else it holds stays until the
                # garbage collector comes, which takes long if that is a large body.
                raw, body = b"", None
                raise _combined(errors)
            inputs = Inputs(path, query, header, body, raw, identity, client)
            reply = self._encode(await self._call(self._decode(inputs)))
        except asyncio.CancelledError as error:
            if send.caused_cancellation():
                raise DeadlineExceeded("The service did not answer in time.") from error
            raise
        finally:
            self._deadlines.forget(send)
            if share is not None:
                share.give_back()
        if fields:
            reply = reply._replace(headers=reply.headers + fields)
        status = reply.status
        head, data = send.prepared(reply, self._caching.get(status, NO_STORE))
        write = scope.get("extensions", _NOTHING).get(WHOLE_RESPONSE)
        if write is None or not write(status, send.constant.encoded, head, data):
            head.extend(send.constant.fields)
            await send.server({"type": "http.response.start", "status": status, "headers": head})
            await send.server({"type": "http.response.body", "body": data})

    def _identify(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Identity:
        """Return the caller, who may call this operation; a refusal is recorded if the operation is."""
        identity = ANONYMOUS
        try:
            identity = self._verified(headers)
            if identity.service or not self._is_open:
                authorise(identity, self._access, self._scopes, self._services)
        except (Unauthenticated, Forbidden) as error:
            if self._audit:
                address = self._client_address(scope, headers)
                record_refusal(self._audit, error, self._errors, identity, address)
            raise
        return identity

    def _verified(self, headers: Mapping[bytes, bytes]) -> Identity:
        sent = headers.get(b"authorization")
        if sent is None:
            raise Unauthenticated("This operation needs a bearer token.")
        bearer, token = sent[:7] == b"Bearer ", sent[7:]
        if not bearer:
            scheme, _, token = sent.partition(b" ")
            bearer = scheme.lower() == b"bearer"
        if not bearer or not token.isascii():
            raise Unauthenticated("This operation needs a bearer token in its Authorization header.")
        text = str(token.strip(), "ascii")
        try:
            identity = self._verify(text)
        except Unauthenticated as error:
            raise Challenge(error.detail, reason=error.reason) from error
        TOKEN.set(text)
        return identity


def _combined(errors: list[TechnicalError]) -> TechnicalError:
    if len(errors) == 1:
        return errors[0]
    combined: list[Mapping[str, str]] = []
    for error in errors:
        if isinstance(error, SchemaViolations):
            combined.extend(error.errors)
        elif isinstance(error, Malformed):
            combined.append({"pointer": error.pointer, "reason": error.reason})
    return SchemaViolations(tuple(combined[:MAX_ERRORS]))


class CompiledAPI(RoutedAPI[CompiledOperation]):  # type: ignore[misc]  # Connexion is untyped
    """The operations of one contract, as Connexion registers them, compiled at start-up."""

    def __init__(
        self, *args: Any, operations: Mapping[str, Operation], shared: SharedParts, **kwargs: Any
    ) -> None:
        self._operations = operations
        self._shared = shared
        super().__init__(*args, **kwargs)
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> CompiledOperation:
        """Compile the operation that Connexion read from the contract."""
        implementation = self._operations[operation.operation_id]
        return CompiledOperation(implementation, operation, self.specification.raw, self._shared)
