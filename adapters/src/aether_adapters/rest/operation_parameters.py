"""Path, query and header parameters of one operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.types import Scope

from aether_adapters.kernel.errors import Malformed, TechnicalError
from aether_adapters.rest.explanations import MAX_ERRORS
from aether_adapters.rest.parameters import Parameter, decoded

Values = dict[str, Any]
Errors = list[TechnicalError]

_IGNORED = frozenset({"accept", "content-type", "authorization"})
"""OpenAPI 3.0.3, Parameter Object: header parameters of these names shall be ignored."""


class Parameters:
    """The parameters of one operation; `read` collects every fault instead of stopping at the first."""

    __slots__ = ("_header", "_path", "_query", "_query_unsent", "none")

    def __init__(self, declared: Iterable[Mapping[str, Any]], document: Mapping[str, Any]) -> None:
        """Raises `ValueError` for an unsupported parameter."""
        locations: dict[str, list[Parameter]] = {"path": [], "query": [], "header": []}
        for each in declared:
            if each["in"] not in locations:
                raise ValueError(f"parameter {each['name']}: {each['in']} parameters are not supported")
            if each["in"] != "header" or each["name"].lower() not in _IGNORED:
                locations[each["in"]].append(Parameter(each, document))
        self._path = tuple(locations["path"])
        self._query = {each.name: each for each in locations["query"]}
        self._query_unsent = tuple(each for each in locations["query"] if each.required or each.has_default)
        self._header = tuple((each.name.lower().encode("ascii"), each) for each in locations["header"])
        self.none = not any(locations.values())
        """Whether the operation has no parameters; then a request without a query needs no `read`."""

    def read(
        self, scope: Scope, headers: Mapping[bytes, bytes], errors: Errors
    ) -> tuple[Values, Values, Values]:
        """Return path, query and header values by contract name; append faults to `errors`."""
        query = scope["query_string"]
        return (
            self._read_path(scope["path_params"], errors) if self._path else {},
            self._read_query(query, errors) if query or self._query_unsent else {},
            self._read_header(headers, errors) if self._header else {},
        )

    def _read_path(self, sent: Mapping[str, str], errors: Errors) -> Values:
        values: Values = {}
        for parameter in self._path:
            name = parameter.name
            try:
                values[name] = parameter.read([decoded(sent[name], name)])
            except Malformed as error:
                errors.append(error)
        return values

    def _read_query(self, query: bytes, errors: Errors) -> Values:
        # An undeclared parameter is refused: the client expects an effect that it does not have.
        values: Values = {}
        sent: Mapping[str, list[str]] = {}
        if query:
            try:
                sent = _pairs(query)
            except Malformed as error:
                errors.append(error)
                return values
            for name, texts in sent.items():
                if len(errors) >= MAX_ERRORS:
                    return values  # 64 kB of unknown names must not become megabytes of errors
                parameter = self._query.get(name)
                if parameter is None:
                    errors.append(Malformed(name[:100], "is not a parameter of this operation"))
                    continue
                try:
                    values[name] = parameter.read(texts)
                except Malformed as error:
                    errors.append(error)
        for parameter in self._query_unsent:
            if parameter.name not in sent:
                _fill(parameter, values, errors)
        return values

    def _read_header(self, headers: Mapping[bytes, bytes], errors: Errors) -> Values:
        values: Values = {}
        for field, parameter in self._header:
            sent = headers.get(field)
            if sent is None:
                if parameter.required or parameter.has_default:
                    _fill(parameter, values, errors)
                continue
            try:
                values[parameter.name] = parameter.read([sent.decode("latin-1").strip()])
            except Malformed as error:
                errors.append(error)
        return values


def _fill(parameter: Parameter, values: Values, errors: Errors) -> None:
    if parameter.has_default:
        values[parameter.name] = parameter.default
    else:
        errors.append(Malformed(parameter.name, "is required"))


def _pairs(query: bytes) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in query.decode("latin-1").split("&"):
        if pair:
            encoded, _, value = pair.partition("=")
            name = decoded(encoded, "query", plus=True)
            found.setdefault(name, []).append(decoded(value, name[:100], plus=True))
    return found
