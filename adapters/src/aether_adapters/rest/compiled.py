"""One operation of a contract with everything that can be prepared, prepared.

This is the layer that stands where Connexion has its security, validation and parameter-decorator layers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final
from urllib.parse import quote

import orjson
from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from connexion.operations import AbstractOperation
from starlette.types import Receive, Scope, Send

from aether_adapters.deadline import DEADLINE
from aether_adapters.errors import DeadlineExceeded, Forbidden, Malformed, TechnicalError, Unauthenticated
from aether_adapters.identity import ANONYMOUS, TOKEN, Access, Identity, Verify
from aether_adapters.rest.body import MediaTypes, parse_json, read_body
from aether_adapters.rest.client import ClientAddress
from aether_adapters.rest.operation import Inputs, Operation, Reply
from aether_adapters.rest.parameters import Parameter, decoded
from aether_adapters.rest.problems import Challenge, Misfit
from aether_adapters.rest.schema import Schema

_PRINTABLE: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%") + "%"
_JSON: Final = (b"content-type", b"application/json")
_NO_BODY: Final[dict[str, Any]] = {"type": "http.response.body", "body": b""}


class CompiledOperation:
    """An ASGI app that answers one operation."""

    def __init__(
        self,
        operation: Operation,
        declared: AbstractOperation,
        document: Mapping[str, Any],
        *,
        verify: Verify,
        client_address: ClientAddress,
        body_limit: int,
        deadline: float,
    ) -> None:
        self._access = operation.access
        self._scopes = operation.scopes
        self._decode = operation.decode
        self._call = operation.call
        self._encode = operation.encode
        self._verify = verify
        self._client_address = client_address
        self._limit = body_limit
        self._seconds = deadline
        parameters: dict[str, list[tuple[Parameter, str]]] = {"path": [], "query": [], "header": []}
        for parameter in declared.parameters:
            place, name = parameter["in"], parameter["name"]
            if place not in parameters:
                raise ValueError(f"{operation.operation_id}: {place} parameters are not served ({name})")
            if place == "header" and name.lower() in ("accept", "content-type", "authorization"):
                continue  # OpenAPI 3.0.3: such definitions shall be ignored
            parameters[place].append((Parameter(parameter, document), name))
        self._path = tuple(parameter for parameter, _ in parameters["path"])
        self._query = {name: parameter for parameter, name in parameters["query"]}
        self._query_rest = tuple(
            (parameter, name)
            for parameter, name in parameters["query"]
            if parameter.required or parameter.default is not None
        )
        self._header = tuple((parameter, name.lower().encode()) for parameter, name in parameters["header"])
        self._body = _Body.of(document, declared, operation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            if name in headers:
                headers[name].append(value)
            else:
                headers[name] = [value]
        identity = ANONYMOUS if self._access is Access.PUBLIC else self._identify(headers)
        if self._scopes and not self._scopes <= identity.scopes:
            raise Forbidden(f"The token lacks a scope: {' '.join(sorted(self._scopes - identity.scopes))}.")
        deadline = monotonic() + self._seconds
        DEADLINE.set(deadline)
        timer = asyncio.timeout(self._seconds)
        try:
            async with timer:
                reply = await self._answer(scope, receive, headers, identity)
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise DeadlineExceeded("The service did not answer in time.") from error
        await _send(reply, send)

    async def _answer(
        self, scope: Scope, receive: Receive, headers: Mapping[bytes, list[bytes]], identity: Identity
    ) -> Reply:
        raw, body = b"", None
        if self._body is not None:
            raw, body = await self._body.read(receive, headers, self._limit)
        errors: list[TechnicalError] = []
        inputs = Inputs(
            self._read_path(scope["path_params"], errors),
            self._read_query(scope["query_string"], errors),
            self._read_header(headers, errors),
            body,
            raw,
            identity,
            self._client_address(scope, headers),
        )
        if self._body is not None:
            self._body.check(body, raw, errors)
        if errors:
            raise _together(errors)
        return self._encode(await self._call(self._decode(inputs)))

    def _identify(self, headers: Mapping[bytes, list[bytes]]) -> Identity:
        sent = headers.get(b"authorization")
        if sent is None:
            raise Unauthenticated("This operation needs a bearer token.")
        scheme, _, token = sent[0].partition(b" ")
        if len(sent) > 1 or scheme.lower() != b"bearer" or not token.isascii():
            raise Unauthenticated("This operation needs one Authorization header with a bearer token.")
        text = token.strip().decode("ascii")
        try:
            identity = self._verify(text)
        except Unauthenticated as error:
            raise Challenge(error.detail) from error
        if self._access is Access.SERVICE and not identity.service:
            raise Forbidden("This operation is for services only.")
        TOKEN.set(text)
        return identity

    def _read_path(self, sent: Mapping[str, str], errors: list[TechnicalError]) -> dict[str, Any]:
        values = {}
        for parameter in self._path:
            try:
                values[parameter.name] = parameter.read([decoded(sent[parameter.name], parameter.name)])
            except Malformed as error:
                errors.append(error)
        return values

    def _read_query(self, query: bytes, errors: list[TechnicalError]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if query:
            try:
                for name, texts in _pairs(query).items():
                    parameter = self._query.get(name)
                    if parameter is None:
                        errors.append(Malformed(name[:100], "is not a parameter of this operation"))
                        continue
                    try:
                        values[name] = parameter.read(texts)
                    except Malformed as error:
                        errors.append(error)
            except Malformed as error:
                errors.append(error)
        for parameter, name in self._query_rest:
            if name not in values:
                _fill(parameter, values, errors)
        return values

    def _read_header(
        self, headers: Mapping[bytes, list[bytes]], errors: list[TechnicalError]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for parameter, name in self._header:
            sent = headers.get(name)
            if sent is None:
                _fill(parameter, values, errors)
                continue
            try:
                values[parameter.name] = parameter.read([value.decode("latin-1").strip() for value in sent])
            except Malformed as error:
                errors.append(error)
        return values


class _Body:
    """What an operation does with the body it is sent."""

    __slots__ = ("_media", "_required", "_schema")

    def __init__(self, media: MediaTypes | None, schema: Schema | None, required: bool) -> None:
        self._media = media
        self._schema = schema
        self._required = required

    @classmethod
    def of(
        cls, document: Mapping[str, Any], declared: AbstractOperation, operation: Operation
    ) -> _Body | None:
        raw = document["paths"][declared.path][declared.method].get("requestBody")
        if raw is None:
            return cls(None, None, False) if operation.needs_raw_body else None
        while "$ref" in raw:
            raw = _looked_up(document, raw["$ref"])
        content: Mapping[str, Any] = raw["content"]
        media = MediaTypes(tuple(content))
        schemas = [content[name].get("schema") for name in content if "json" in name]
        if len({str(schema) for schema in schemas}) > 1:
            raise ValueError(
                f"{operation.operation_id}: two JSON media types with two schemas are not served"
            )
        schema = Schema(schemas[0], document) if schemas and schemas[0] is not None else None
        return cls(media, schema, bool(raw.get("required", False)))

    async def read(
        self, receive: Receive, headers: Mapping[bytes, list[bytes]], limit: int
    ) -> tuple[bytes, Any]:
        """The raw body, and its value: parsed where it is JSON, bytes where not, None where it is empty."""
        announced = headers.get(b"content-length")
        if announced is None or announced[0] != b"0":
            raw = await read_body(receive, announced[0] if announced else None, limit)
        else:
            raw = b""
        if self._media is None or not raw:
            return raw, None
        sent = headers.get(b"content-type")
        return raw, parse_json(raw) if self._media.is_json(sent[0] if sent else None) else raw

    def check(self, body: Any, raw: bytes, errors: list[TechnicalError]) -> None:
        """Hold the value against the schema."""
        if not raw:
            if self._required:
                errors.append(Malformed("", "this operation needs a body"))
        elif self._schema is not None and body is not raw and not self._schema.is_valid(body):
            errors.append(Misfit(self._schema.errors(body)))


def _looked_up(document: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    if not reference.startswith("#/"):
        raise ValueError(f"{reference} is outside the contract")
    node: Any = document
    for step in reference[2:].split("/"):
        node = node[step.replace("~1", "/").replace("~0", "~")]
    return node  # type: ignore[no-any-return]  # a document that Connexion has validated


def _pairs(query: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in query.decode("latin-1").split("&"):
        if pair:
            name, _, value = pair.partition("=")
            name = decoded(name, "query", plus=True)
            found.setdefault(name, []).append(decoded(value, name, plus=True))
    return found


def _fill(parameter: Parameter, values: dict[str, Any], errors: list[TechnicalError]) -> None:
    if parameter.default is not None:
        values[parameter.name] = parameter.default
    elif parameter.required and not any(
        isinstance(error, Malformed) and error.pointer == parameter.name for error in errors
    ):
        errors.append(Malformed(parameter.name, "is required"))


def _together(errors: list[TechnicalError]) -> TechnicalError:
    if len(errors) == 1:
        return errors[0]
    places: list[Mapping[str, str]] = []
    for error in errors:
        if isinstance(error, Misfit):
            places.extend(error.errors)
        elif isinstance(error, Malformed):
            places.append({"pointer": error.pointer, "reason": error.reason})
    return Misfit(tuple(places))


async def _send(reply: Reply, send: Send) -> None:
    status, headers, body, media_type = reply
    out = [
        (
            name.encode("ascii"),
            (value if value.isascii() and value.isprintable() else quote(value, safe=_PRINTABLE)).encode(
                "ascii"
            ),
        )
        for name, value in headers
    ]
    if body is None:
        if status not in (204, 304):
            out.append((b"content-length", b"0"))
        await send({"type": "http.response.start", "status": status, "headers": out})
        await send(_NO_BODY)
        return
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    out.append(_JSON if media_type == "application/json" else (b"content-type", media_type.encode("ascii")))
    out.append((b"content-length", str(len(data)).encode("ascii")))
    await send({"type": "http.response.start", "status": status, "headers": out})
    await send({"type": "http.response.body", "body": data})


class CompiledAPI(RoutedAPI[CompiledOperation]):  # type: ignore[misc]  # Connexion is untyped
    """Connexion's per-contract register of operations, filled at start-up."""

    def __init__(
        self, *args: Any, operations: Mapping[str, Operation], edge: Mapping[str, Any], **kwargs: Any
    ):
        self._handed_in = operations
        self._edge = edge
        super().__init__(*args, **kwargs)
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> CompiledOperation:
        """Prepare the operation that Connexion has read from the contract."""
        handed_in = self._handed_in[operation.operation_id]
        return CompiledOperation(handed_in, operation, self.specification.raw, **self._edge)


class CompiledMiddleware(RoutedMiddleware[CompiledAPI]):  # type: ignore[misc]  # Connexion is untyped
    """Connexion's own dispatch by operation id, to operations of ours."""

    api_cls = CompiledAPI
