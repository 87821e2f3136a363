"""One example of each change of an OpenAPI document: before, after, and what could be done instead.

`aether explain` prints them, and a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Example:
    """`old` and `new` are YAML at the place `where`: a schema that is sent or got, an operation or a document.

    `instead` changes what the person wanted without the harm; empty if the change is safe as it is.
    """

    where: str
    old: str
    new: str
    instead: str = ""


_GET: Final = "responses: {'200': {description: Ok.}}"
_ID: Final = "type: object\nproperties: {id: {type: string}}\nrequired: [id]"
_NAMED: Final = "type: object\nproperties: {id: {type: string}, name: {type: string}}\nrequired: [id]"
_CLOSED: Final = "type: object\nadditionalProperties: false\nproperties: {id: {type: string}}\nrequired: [id]"


def _parameter(text: str) -> str:
    return f"parameters: [{{name: page, in: query, {text}}}]\n{_GET}"


def _body(text: str) -> str:
    return f"requestBody: {text}\n{_GET}"


def _secured(text: str) -> str:
    return f"security: {text}\n{_GET}"


def _schemes(text: str) -> str:
    return f"paths: {{}}\ncomponents: {{securitySchemes: {{login: {text}}}}}"


def _callback(text: str) -> str:
    return f"callbacks: {{{text}}}\n{_GET}" if text else _GET


_PAID: Final = "paid: {'{$request.query.url}': {post: {responses: {'200': {description: Ok.}}}}}"
_CAT_OR_DOG: Final = "oneOf: [{title: Cat, type: object}, {title: Dog, type: array, items: {}}]"
_CAT_DOG_OR_ANT: Final = (
    "oneOf: [{title: Cat, type: object}, {title: Dog, type: array, items: {}}, {title: Ant, type: string}]"
)
_BY: Final = "oneOf: [{title: A, type: object}, {title: B, type: object}]\ndiscriminator: {propertyName: %s}"

EXAMPLES: Final = {
    "api-path-removed": Example(
        "document",
        f"paths: {{/orders: {{get: {{{_GET}}}}}}}",
        "paths: {}",
        f"paths: {{/orders: {{get: {{deprecated: true, x-sunset: '2099-01-31', {_GET}}}}}}}",
    ),
    "api-operation-removed": Example(
        "document",
        f"paths: {{/orders: {{get: {{{_GET}}}, post: {{{_GET}}}}}}}",
        f"paths: {{/orders: {{get: {{{_GET}}}}}}}",
        f"paths: {{/orders: {{get: {{{_GET}}}, post: {{deprecated: true, x-sunset: '2099-01-31', {_GET}}}}}}}",
    ),
    "api-operation-sunset": Example(
        "document",
        f"paths: {{/orders: {{get: {{{_GET}}}, post: {{deprecated: true, x-sunset: '2020-01-31', {_GET}}}}}}}",
        f"paths: {{/orders: {{get: {{{_GET}}}}}}}",
    ),
    "api-operation-added": Example(
        "document",
        f"paths: {{/orders: {{get: {{{_GET}}}}}}}",
        f"paths: {{/orders: {{get: {{{_GET}}}, post: {{{_GET}}}}}}}",
    ),
    "api-operation-id-changed": Example(
        "operation", f"operationId: GetOrder\n{_GET}", f"operationId: ReadOrder\n{_GET}", f"operationId: GetOrder\n{_GET}"
    ),
    "api-deprecated": Example("operation", _GET, f"deprecated: true\nx-sunset: '2099-01-31'\n{_GET}"),
    "api-sunset-earlier": Example(
        "operation",
        f"deprecated: true\nx-sunset: '2099-12-31'\n{_GET}",
        f"deprecated: true\nx-sunset: '2099-06-30'\n{_GET}",
        f"deprecated: true\nx-sunset: '2100-01-31'\n{_GET}",
    ),
    "api-sunset-invalid": Example(
        "operation",
        f"deprecated: true\n{_GET}",
        f"deprecated: true\nx-sunset: next year\n{_GET}",
        f"deprecated: true\nx-sunset: '2099-01-31'\n{_GET}",
    ),
    "api-server-removed": Example(
        "document",
        "paths: {}\nservers: [{url: https://api.example.com}]",
        "paths: {}\nservers: [{url: https://new.example.com}]",
        "paths: {}\nservers: [{url: https://new.example.com}, {url: https://api.example.com}]",
    ),
    "api-callback-removed": Example("operation", _callback(_PAID), _callback(""), _callback(_PAID)),
    "api-callback-added": Example("operation", _callback(""), _callback(_PAID)),
    "api-parameter-required-added": Example(
        "operation",
        _GET,
        _parameter("required: true, schema: {type: integer}"),
        _parameter("schema: {type: integer}"),
    ),
    "api-parameter-added": Example("operation", _GET, _parameter("schema: {type: integer}")),
    "api-parameter-removed": Example(
        "operation",
        _parameter("schema: {type: integer}"),
        _GET,
        _parameter("deprecated: true, schema: {type: integer}"),
    ),
    "api-parameter-required": Example(
        "operation",
        _parameter("schema: {type: integer}"),
        _parameter("required: true, schema: {type: integer}"),
        _parameter("schema: {type: integer}"),
    ),
    "api-parameter-optional": Example(
        "operation", _parameter("required: true, schema: {type: integer}"), _parameter("schema: {type: integer}")
    ),
    "api-parameter-style": Example(
        "operation",
        _parameter("schema: {type: array, items: {type: string}}"),
        _parameter("explode: false, schema: {type: array, items: {type: string}}"),
        _parameter("explode: true, schema: {type: array, items: {type: string}}"),
    ),
    "api-path-parameter-renamed": Example(
        "document",
        f"paths: {{'/orders/{{id}}': {{get: {{parameters: [{{name: id, in: path, required: true}}], {_GET}}}}}}}",
        f"paths: {{'/orders/{{order}}': {{get: {{parameters: [{{name: order, in: path, required: true}}], {_GET}}}}}}}",
        f"paths: {{'/orders/{{id}}': {{get: {{parameters: [{{name: id, in: path, required: true}}], {_GET}}}}}}}",
    ),
    "api-body-required-added": Example(
        "operation",
        _GET,
        _body("{required: true, content: {application/json: {schema: {type: object}}}}"),
        _body("{content: {application/json: {schema: {type: object}}}}"),
    ),
    "api-body-added": Example(
        "operation", _GET, _body("{content: {application/json: {schema: {type: object}}}}")
    ),
    "api-body-removed": Example(
        "operation",
        _body("{content: {application/json: {schema: {type: object}}}}"),
        _GET,
        _body("{content: {application/json: {schema: {type: object}}}}"),
    ),
    "api-body-required": Example(
        "operation",
        _body("{content: {application/json: {schema: {type: object}}}}"),
        _body("{required: true, content: {application/json: {schema: {type: object}}}}"),
        _body("{required: false, content: {application/json: {schema: {type: object}}}}"),
    ),
    "api-body-optional": Example(
        "operation",
        _body("{required: true, content: {application/json: {schema: {type: object}}}}"),
        _body("{content: {application/json: {schema: {type: object}}}}"),
    ),
    "api-body-media-removed": Example(
        "operation",
        _body("{content: {application/json: {}, application/xml: {}}}"),
        _body("{content: {application/json: {}}}"),
        _body("{content: {'application/*': {}}}"),
    ),
    "api-body-media-added": Example(
        "operation",
        _body("{content: {application/json: {}}}"),
        _body("{content: {application/json: {}, application/xml: {}}}"),
    ),
    "api-response-removed": Example(
        "operation",
        "responses: {'200': {description: Ok.}, '202': {description: Later.}}",
        "responses: {'200': {description: Ok.}}",
        "responses: {'200': {description: Ok.}, '202': {description: Never sent, from now on.}}",
    ),
    "api-response-added": Example(
        "operation",
        "responses: {'200': {description: Ok.}}",
        "responses: {'200': {description: Ok.}, '202': {description: Later.}}",
        "responses: {'200': {description: Ok., headers: {Retry-After: {}}}}",
    ),
    "api-error-response-removed": Example(
        "operation",
        "responses: {'200': {description: Ok.}, '409': {description: Sold out.}}",
        "responses: {'200': {description: Ok.}}",
        "responses: {'200': {description: Ok.}, 4XX: {description: See the type of the problem.}}",
    ),
    "api-error-response-added": Example(
        "operation",
        "responses: {'200': {description: Ok.}}",
        "responses: {'200': {description: Ok.}, '409': {description: Sold out.}}",
    ),
    "api-response-media-removed": Example(
        "operation",
        "responses: {'200': {description: Ok., content: {application/json: {}, text/csv: {}}}}",
        "responses: {'200': {description: Ok., content: {application/json: {}}}}",
        "responses: {'200': {description: Ok., content: {text/csv: {}, application/json: {}}}}",
    ),
    "api-response-media-added": Example(
        "operation",
        "responses: {'200': {description: Ok., content: {application/json: {}}}}",
        "responses: {'200': {description: Ok., content: {application/json: {}, text/csv: {}}}}",
    ),
    "api-header-removed": Example(
        "operation",
        "responses: {'200': {description: Ok., headers: {ETag: {schema: {type: string}}}}}",
        "responses: {'200': {description: Ok.}}",
        "responses: {'200': {description: Ok., headers: {etag: {schema: {type: string}}}}}",
    ),
    "api-header-added": Example(
        "operation",
        "responses: {'200': {description: Ok.}}",
        "responses: {'200': {description: Ok., headers: {ETag: {schema: {type: string}}}}}",
    ),
    "api-header-optional": Example(
        "operation",
        "responses: {'200': {description: Ok., headers: {ETag: {required: true}}}}",
        "responses: {'200': {description: Ok., headers: {ETag: {}}}}",
        "responses: {'200': {description: Ok., headers: {ETag: {required: true}}}}",
    ),
    "api-header-required": Example(
        "operation",
        "responses: {'200': {description: Ok., headers: {ETag: {}}}}",
        "responses: {'200': {description: Ok., headers: {ETag: {required: true}}}}",
    ),
    "api-security-added": Example("operation", _GET, _secured("[{login: []}]"), _secured("[{login: []}, {}]")),
    "api-scope-added": Example(
        "operation",
        _secured("[{login: [read]}]"),
        _secured("[{login: [read, write]}]"),
        _secured("[{login: [read]}, {login: [write]}]"),
    ),
    "api-security-relaxed": Example("operation", _secured("[{login: [read]}]"), _secured("[{login: []}]")),
    "api-security-scheme-changed": Example(
        "document",
        _schemes("{type: apiKey, in: query, name: key}"),
        _schemes("{type: apiKey, in: header, name: key}"),
        _schemes("{type: apiKey, in: query, name: key, description: Ask for one.}"),
    ),
    "api-security-scope-removed": Example(
        "document",
        _schemes("{type: oauth2, flows: {clientCredentials: {tokenUrl: /t, scopes: {read: R, all: A}}}}"),
        _schemes("{type: oauth2, flows: {clientCredentials: {tokenUrl: /t, scopes: {read: R}}}}"),
        _schemes("{type: oauth2, flows: {clientCredentials: {tokenUrl: /t, scopes: {read: R, all: Same as read.}}}}"),
    ),
    "api-security-url-changed": Example(
        "document",
        _schemes("{type: openIdConnect, openIdConnectUrl: https://a.example/o}"),
        _schemes("{type: openIdConnect, openIdConnectUrl: https://b.example/o}"),
        _schemes("{type: openIdConnect, openIdConnectUrl: https://a.example/o}"),
    ),
    "api-request-type-changed": Example("request", "type: string", "type: integer", "type: string\ntitle: Number"),
    "api-request-type-widened": Example("request", "type: integer", "type: number"),
    "api-request-format-changed": Example(
        "request", "type: string", "type: string\nformat: date", "type: string\ndescription: A date, better."
    ),
    "api-request-format-widened": Example("request", "type: integer\nformat: int32", "type: integer\nformat: int64"),
    "api-request-null-refused": Example(
        "request", "type: string\nnullable: true", "type: string", "type: [string, 'null']"
    ),
    "api-request-null-allowed": Example("request", "type: string", "type: [string, 'null']"),
    "api-request-enum-removed": Example(
        "request", "type: string\nenum: [A, B]", "type: string\nenum: [A]", "type: string\nenum: [B, A]"
    ),
    "api-request-enum-added": Example("request", "type: string\nenum: [A]", "type: string\nenum: [A, B]"),
    "api-request-limit-tightened": Example(
        "request", "type: string\nmaxLength: 50", "type: string\nmaxLength: 40", "type: string\nmaxLength: 60"
    ),
    "api-request-limit-loosened": Example("request", "type: integer\nminimum: 1", "type: integer\nminimum: 0"),
    "api-request-pattern-changed": Example(
        "request", "type: string\npattern: ^[a-z]+$", "type: string\npattern: ^[a-f]+$", "type: string"
    ),
    "api-request-pattern-removed": Example("request", "type: string\npattern: ^[a-z]+$", "type: string"),
    "api-request-property-required-added": Example(
        "request",
        _ID,
        "type: object\nproperties: {id: {type: string}, name: {type: string}}\nrequired: [id, name]",
        _NAMED,
    ),
    "api-request-property-required": Example(
        "request",
        _NAMED,
        "type: object\nproperties: {id: {type: string}, name: {type: string}}\nrequired: [id, name]",
        _NAMED,
    ),
    "api-request-property-optional": Example(
        "request", _ID, "type: object\nproperties: {id: {type: string}}"
    ),
    "api-request-property-added": Example("request", _ID, _NAMED),
    "api-request-property-removed": Example(
        "request",
        _NAMED,
        _ID,
        "type: object\nproperties: {id: {type: string}, name: {type: string, deprecated: true}}\nrequired: [id]",
    ),
    "api-request-property-refused": Example(
        "request",
        "type: object\nadditionalProperties: false\nproperties: {id: {type: string}, name: {type: string}}\nrequired: [id]",
        _CLOSED,
        _NAMED,
    ),
    "api-request-additional-refused": Example("request", _ID, _CLOSED, _NAMED),
    "api-request-additional-allowed": Example("request", _CLOSED, _ID),
    "api-request-alternative-removed": Example(
        "request", _CAT_DOG_OR_ANT, _CAT_OR_DOG, _CAT_DOG_OR_ANT.replace("oneOf", "anyOf")
    ),
    "api-request-alternative-added": Example("request", _CAT_OR_DOG, _CAT_DOG_OR_ANT),
    "api-request-default-changed": Example(
        "request", "type: integer\ndefault: 20", "type: integer\ndefault: 50", "type: integer\ndefault: 20.0"
    ),
    "api-request-schema-changed": Example(
        "request", "type: string\nnot: {enum: [x]}", "type: string\nnot: {enum: [y]}", "type: string\nnot: {enum: [x]}"
    ),
    "api-response-type-changed": Example(
        "response", "type: integer", "type: number", "type: integer\ndescription: Rounded."
    ),
    "api-response-type-narrowed": Example("response", "type: number", "type: integer"),
    "api-response-format-changed": Example(
        "response",
        "type: integer\nformat: int32",
        "type: integer\nformat: int64",
        "type: integer\nformat: int32\nmaximum: 2147483647",
    ),
    "api-response-format-narrowed": Example("response", "type: string", "type: string\nformat: date"),
    "api-response-null-allowed": Example(
        "response", "type: string", "type: string\nnullable: true", "anyOf: [{type: string}]"
    ),
    "api-response-null-removed": Example("response", "anyOf: [{type: string}, {type: 'null'}]", "type: string"),
    "api-response-enum-added": Example(
        "response", "type: string\nenum: [A]", "type: string\nenum: [A, B]", "type: string\nconst: A"
    ),
    "api-response-enum-removed": Example("response", "type: string\nenum: [A, B]", "type: string\nenum: [A]"),
    "api-response-limit-loosened": Example(
        "response", "type: string\nmaxLength: 50", "type: string\nmaxLength: 60", "type: string\nmaxLength: 40"
    ),
    "api-response-limit-tightened": Example("response", "type: array\nitems: {}", "type: array\nitems: {}\nminItems: 1"),
    "api-response-pattern-changed": Example(
        "response", "type: string\npattern: ^[a-z]+$", "type: string", "type: string\npattern: ^[a-z]+$"
    ),
    "api-response-pattern-added": Example("response", "type: string", "type: string\npattern: ^[a-z]+$"),
    "api-response-property-removed": Example("response", _NAMED, _ID, _NAMED),
    "api-response-property-added": Example("response", _ID, _NAMED),
    "api-response-property-optional": Example(
        "response", _ID, "type: object\nproperties: {id: {type: string}}", _ID
    ),
    "api-response-property-required": Example("response", "type: object\nproperties: {id: {type: string}}", _ID),
    "api-response-additional-allowed": Example("response", _CLOSED, _ID, _CLOSED),
    "api-response-additional-refused": Example("response", _ID, _CLOSED),
    "api-response-alternative-added": Example("response", _CAT_OR_DOG, _CAT_DOG_OR_ANT, _CAT_OR_DOG),
    "api-response-alternative-removed": Example("response", _CAT_DOG_OR_ANT, _CAT_OR_DOG),
    "api-response-default-changed": Example(
        "response", "type: boolean\ndefault: false", "type: boolean\ndefault: true", "type: boolean\ndefault: false"
    ),
    "api-response-schema-changed": Example(
        "response",
        "type: string\nnot: {enum: [x]}",
        "type: string\nnot: {enum: [y]}",
        "type: string\nnot: {enum: [x]}",
    ),
    "api-discriminator-changed": Example("request", _BY % "kind", _BY % "type", _BY % "kind"),
}  # fmt: skip
"""By code, one for each rule that two documents can show."""

_INDENT: Final = {"request": 12, "response": 16, "operation": 6, "document": 0}
_HEAD: Final = "openapi: 3.1.0\ninfo: {title: Orders, version: 1.0.0}\n"
_OPEN: Final = "paths:\n  /orders:\n    post:\n"
_FRAMES: Final = {
    "document": "%s",
    "operation": f"{_OPEN}%s",
    "request": (
        f"{_OPEN}      responses: {{'200': {{description: Ok.}}}}\n      requestBody:\n        content:\n"
        "          application/json:\n           schema:\n%s"
    ),
    "response": (
        f"{_OPEN}      responses:\n        '200':\n          description: Ok.\n          content:\n"
        "            application/json:\n              schema:\n%s"
    ),
}


def document(where: str, text: str) -> str:
    """Return an OpenAPI document with a text at a place of examples."""
    indent = " " * _INDENT[where]
    return _HEAD + _FRAMES[where] % "".join(f"{indent}{line}\n" for line in text.splitlines())
