"""Header fields of every response: for security, caching and CORS. Built at start-up, chosen for each request.

Sources: https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers,
RFC 6797 (HSTS), https://fetch.spec.whatwg.org/#http-cors-protocol.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from starlette.types import Scope

from aether_adapters.kernel.origins import ANY_ORIGIN, checked_origins
from aether_adapters.rest.client_address import ClientAddress
from aether_adapters.rest.options import RestOptions
from aether_adapters.rest.problems import NO_STORE
from aether_adapters.rest.response import ConstantHeaders
from aether_adapters.rest.schema import resolve_reference

Header = tuple[bytes, bytes]
Headers = tuple[Header, ...]

SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    # An API's responses are data: a browser that is made to show one runs and frames nothing.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""Fields of every response, whatever it says."""
_PREFLIGHT_SECONDS: Final = b"600"
_ALWAYS_EXPOSED: Final = (
    "etag",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "www-authenticate",
)
_ALWAYS_ALLOWED: Final = ("authorization", "content-type")


class ResponseHeaders:
    """Chooses the constant header fields of a response."""

    __slots__ = ("_by_origin", "_client_address", "_hsts", "_plain", "_preflight", "is_constant")

    def __init__(
        self, options: RestOptions, document: Mapping[str, Any], client_address: ClientAddress
    ) -> None:
        """Raises `ValueError` for origins that are none, or "*" together with credentials."""
        self._client_address = client_address
        self._hsts: Headers = ()
        if options.hsts:
            reach = b"; includeSubDomains" if options.hsts_subdomains else b""
            self._hsts = ((b"strict-transport-security", b"max-age=%d%s" % (options.hsts, reach)),)
        origins = checked_origins(options.cors_origins, credentials=options.cors_credentials)
        varies: Headers = ((b"vary", b"Origin"),) if origins and ANY_ORIGIN not in origins else ()
        plain = (*SAFE, *varies)
        self._plain = self._prepared(plain)
        credentials: Headers = (
            ((b"access-control-allow-credentials", b"true"),) if options.cors_credentials else ()
        )
        request_id = options.request_id_header.lower()
        exposed = _joined({*_ALWAYS_EXPOSED, request_id, *_response_headers(document)})
        allowed = _joined({*_ALWAYS_ALLOWED, request_id, *_request_headers(document)})
        self._preflight: Headers = (
            (b"access-control-allow-headers", allowed),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        )
        self._by_origin = {
            name: self._prepared(
                (
                    *plain,
                    (b"access-control-allow-origin", name),
                    *credentials,
                    (b"access-control-expose-headers", exposed),
                )
            )
            for name in (origin.encode("ascii") for origin in origins)
        }
        self.is_constant = not (origins or self._hsts)
        """Whether every response has the fields of `of({}, {})`."""

    def of(self, scope: Scope, headers: Mapping[bytes, bytes]) -> ConstantHeaders:
        """Return the fields of the response to a request with `headers`."""
        chosen = self._plain
        if self._by_origin and (origin := headers.get(b"origin")) is not None:
            chosen = self._by_origin.get(origin) or self._by_origin.get(b"*", chosen)
        secure = bool(self._hsts) and self._client_address.comes_by_https(scope, headers)
        return chosen[secure]

    def _prepared(self, fields: Headers) -> tuple[ConstantHeaders, ConstantHeaders]:
        """Return the fields of a response over http, and those of one over https."""
        return ConstantHeaders.of(fields), ConstantHeaders.of((*fields, *self._hsts))

    def preflight(self, headers: Mapping[bytes, bytes], methods: str) -> Headers:
        """Return what else a preflight request of an allowed origin is told about a path with `methods`."""
        if not self._by_origin or b"access-control-request-method" not in headers:
            return ()
        if headers.get(b"origin") not in self._by_origin and b"*" not in self._by_origin:
            return ()
        return ((b"access-control-allow-methods", methods.encode("ascii")), *self._preflight)


def cache_controls(document: Mapping[str, Any], responses: Mapping[Any, Any]) -> Mapping[int, Header | None]:
    """Return the Cache-Control field of each success of an operation; None if the service itself sends one.

    The contract declares it as a response header whose schema has one value in `enum`, or with `x-from`. Otherwise
    it is `no-store`: what a caller may read is nobody else's, and a response that nobody thought about is not kept.
    """
    found: dict[int, Header | None] = {}
    for status, response in responses.items():
        if not str(status).startswith("2"):
            continue
        found[int(status)] = NO_STORE
        for name, declared in _resolved(document, response).get("headers", {}).items():
            if name.lower() == "cache-control":
                header = _resolved(document, declared)
                found[int(status)] = None if "x-from" in header else _fixed(header)
    return found


def _fixed(header: Mapping[str, Any]) -> Header:
    values = header.get("schema", {}).get("enum", ())
    if len(values) != 1:
        raise ValueError(
            "response header Cache-Control: give its schema one value in enum, or the header x-from"
        )
    return (b"cache-control", str(values[0]).encode("ascii"))


def _joined(names: Collection[str]) -> bytes:
    return ", ".join(sorted({name.lower() for name in names})).encode("ascii")


def _response_headers(document: Mapping[str, Any]) -> set[str]:
    return {
        name
        for operation in _operations(document)
        for response in operation.get("responses", {}).values()
        for name in _resolved(document, response).get("headers", {})
    }


def _request_headers(document: Mapping[str, Any]) -> set[str]:
    parameters = [
        _resolved(document, parameter)
        for path in document["paths"].values()
        for parameter in path.get("parameters", ())
    ]
    for operation in _operations(document):
        parameters += [_resolved(document, parameter) for parameter in operation.get("parameters", ())]
    return {parameter["name"] for parameter in parameters if parameter["in"] == "header"}


def _operations(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        operation
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, Mapping) and "responses" in operation
    ]


def _resolved(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        node = resolve_reference(document, node["$ref"])
    return node
