"""What the compiler refuses: each construct by its place, with a reason and a fix.

Every case edits the kitchen contract, which compiles, at one place; `at` is the text that the finding must point to.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

KITCHEN = (Path(__file__).with_name("kitchen") / "openapi" / "kitchen.yaml").read_text(encoding="utf-8")


class Case(NamedTuple):
    code: str
    old: str
    new: str
    at: str
    reason: str
    fix: str


TRACE = "{name: X-Trace, in: header, x-field: trace, schema: {type: string}}"
SINCE = "{name: since, in: query, schema: {type: string, format: date-time}}"
IDS = "{name: ids, in: query, schema: {type: array, items: {type: string, format: int64}}}"
MOVED = "'204': {description: Moved.}"
HERE = "'204': {description: Here.}"
JOB_ID = "id: {$ref: '#/components/schemas/Int64'}"
RECEIVED = "properties: {size: {type: integer, format: int32}}"
RAW = "- {source: raw-body, x-field: payload}"
PLAIN = "properties: {name: {type: string}, ripe: {type: boolean}}"

CASES = {
    # Another language.
    "OpenAPI 3.1": Case(
        "version", "openapi: 3.0.3", "openapi: 3.1.0", "3.1.0", "This is OpenAPI 3.1.0.", "3.0.3"
    ),
    "Swagger 2": Case(
        "version", "openapi: 3.0.3", "swagger: '2.0'", "swagger", "This is Swagger 2.0.", "3.0.3"
    ),
    "no version": Case("version", "openapi: 3.0.3\n", "", "info", "does not say which", "3.0.3"),
    "webhooks": Case("webhooks", "paths:\n", "webhooks: {}\npaths:\n", "webhooks", "not supported", "event"),
    # YAML.
    "broken YAML": Case("yaml", "  /ping:\n", "  /ping: [\n", ": ping", "not valid YAML", "Correct"),
    "a tab": Case("yaml", "  /ping:\n", "\t/ping:\n", "\t/ping", "not valid YAML", "Correct"),
    "a key twice": Case(
        "duplicate-key", "summary: Looks for things.", "summary: a\n      summary: b", "summary: b", "'summary'", "Keep one"
    ),
    "a status twice": Case(
        "duplicate-key", MOVED, f"{MOVED}\n        204: {{description: x}}", "204: {description: x}", "'204'", "Keep"
    ),
    "a merge key": Case("yaml-merge", HERE, "<<: {'204': {description: x}}", "<<", "merge key", "$ref"),
    "a tag": Case("yaml-tag", "title: Kitchen", "title: !odd x", "!odd", "no meaning", "plain value"),
    # References.
    "a file": Case(
        "external-ref", "{$ref: '#/components/schemas/Job'}", "{$ref: 'other.yaml#/Job'}", "'other.yaml", "out of this", "components"
    ),
    "nowhere": Case(
        "dangling-ref", "{$ref: '#/components/schemas/Job'}", "{$ref: '#/components/schemas/Jab'}", "'#/components/schemas/Jab", "nothing", "components"
    ),
    "itself": Case(
        "ref-cycle", "Free: {type: object, additionalProperties: true}", "Free: {$ref: '#/components/schemas/Free'}", "{$ref: '#/components/schemas/Free'}\n    Versioned", "leads back", "hold the value"
    ),
    "a neighbour": Case(
        "ref-sibling", JOB_ID, "id: {description: x, $ref: '#/components/schemas/Int64'}", "description: x", "ignored", "allOf"
    ),
    "an allOf of itself": Case(
        "allof-cycle", "    Versioned:\n      type: object", "    Versioned:\n      allOf: [{$ref: '#/components/schemas/Versioned'}]\n      type: object", "{$ref: '#/components/schemas/Versioned'}]", "contains itself", "cycle"
    ),
    # Schemas.
    "discriminator": Case(
        "discriminator", RECEIVED, f"discriminator: {{propertyName: size}}\n                {RECEIVED}", "discriminator", "not supported", "oneof"
    ),
    "anyOf": Case("anyof", RECEIVED, f"anyOf: [{{}}]\n                {RECEIVED}", "anyOf", "not supported", "oneOf"),
    "not": Case("not", JOB_ID, "id: {type: string, format: int64, not: {enum: ['0']}}", "not: {", "not supported", "enum"),
    "a pattern": Case("pattern", JOB_ID, "id: {type: string, format: int64, pattern: '['}", "'['", "not a regular expression", "ECMA"),
    "clashing parts": Case(
        "allof-clash", "maybeInt32: {allOf: [{$ref: '#/components/schemas/Int32'}], nullable: true}", "maybeInt32: {allOf: [{$ref: '#/components/schemas/Int32'}, {type: string}]}", "{type: string}]}", "disagree", "one of them"
    ),
    "a oneOf of types": Case(
        "oneof-branch", "maybeBool: {type: boolean, nullable: true}", "maybeBool: {oneOf: [{type: boolean}]}", "{type: boolean}]", "proto oneof", "required: [card]"
    ),
    "a oneOf of plain fields": Case(
        "oneof", "    Choice:\n      type: object", "    Choice:\n      oneOf: [{required: [byWord]}, {required: [aBool]}]\n      type: object", "{required: [aBool]}", "must be members of one proto oneof", "each member"
    ),
    "a oneOf that is short": Case(
        "oneof", "    Choice:\n      type: object", "    Choice:\n      oneOf: [{required: [byWord]}]\n      type: object", "{required: [byWord]}", "byNumber", "branch"
    ),
    # Agreement with the fields.
    "an integer for an int64": Case(
        "type", "Int64: {type: string, format: int64}", "Int64: {type: integer, format: int64}", "{type: integer, format: int64}", "int64", "format: int64"
    ),
    "a number for an int32": Case("type", RECEIVED, "properties: {size: {type: number}}", "{type: number}}", "int32", "format: int32"),
    "a format that is not the field's": Case(
        "type", "Bytes: {type: string, format: byte}", "Bytes: {type: string, format: binary}", "{type: string, format: binary}\n    Moment", "bytes", "byte"
    ),
    "a duration of anything": Case("type", "Length: {type: string, format: duration}", "Length: {type: string}", "{$ref: '#/components/schemas/Length'}", "Duration", "duration"),
    "a list for a value": Case("type", PLAIN, "properties: {name: {type: array, items: {type: string}}, ripe: {type: boolean}}", "{type: array, items: {type: string}}, ripe", "string", "type: string"),
    "a value for a list": Case("type", "plains: {type: array, items: {$ref: '#/components/schemas/Plain'}}\n        timestamps", "plains: {type: string}\n        timestamps", "{type: string}\n        timestamps", "repeated", "array"),
    "an open map": Case("type", "labels: {type: object, additionalProperties: {type: string}}", "labels: {type: object}", "{type: object}\n        counts", "map<string, string>", "additionalProperties"),
    "a struct with properties": Case("type", "Free: {type: object, additionalProperties: true}", "Free: {type: object, properties: {a: {type: string}}}", "{type: object, properties: {a: {type: string}}}", "Struct", "object"),
    "a message without properties": Case("type", "aPlain: {$ref: '#/components/schemas/Plain'}", "aPlain: {type: object}", "{type: object}\n        aTimestamp", "Plain", "properties"),
    "null for what has no presence": Case("nullable", PLAIN, "properties: {name: {type: string, nullable: true}, ripe: {type: boolean}}", "{type: string, nullable: true}, ripe", "null", "optional"),
    "null in a list": Case("nullable", "strings: {type: array, items: {type: string}}", "strings: {type: array, items: {type: string, nullable: true}}", "{type: string, nullable: true}}\n        longs", "null", "Remove"),
    "an enum without its names": Case("type", "    Colour: {type: string, enum: [COLOUR_RED, COLOUR_GREEN]}", "    Colour: {type: string}", "{type: string}\n    Size", "Colour", "COLOUR_RED, COLOUR_GREEN"),
    "an enum that is short": Case("enum", "    Colour: {type: string, enum: [COLOUR_RED, COLOUR_GREEN]}", "    Colour: {type: string, enum: [COLOUR_RED]}", "[COLOUR_RED]}", "COLOUR_GREEN", "every member"),
    "an enum with a stranger": Case("enum", "    Size: {type: string, enum: [SIZE_SMALL, SIZE_LARGE]}", "    Size: {type: string, enum: [SIZE_SMALL, SIZE_LARGE, BIG]}", "BIG]}", "'BIG' is not a member", "SIZE_LARGE"),
    "an enum with its zero": Case("enum", "    Colour: {type: string, enum: [COLOUR_RED, COLOUR_GREEN]}", "    Colour: {type: string, enum: [COLOUR_UNSPECIFIED, COLOUR_RED, COLOUR_GREEN]}", "COLOUR_UNSPECIFIED", "unset", "COLOUR_RED"),
    "a word YAML takes for true": Case("enum", "    Size: {type: string, enum: [SIZE_SMALL, SIZE_LARGE]}", "    Size: {type: string, enum: [SIZE_SMALL, SIZE_LARGE, on]}", "on]}", "True is not a member", "SIZE_LARGE"),
    "a property without a field": Case("property-without-field", PLAIN, "properties: {name: {type: string}, ripe: {type: boolean}, taste: {type: string}}", "{type: string}}\n    Said", "'taste'", "name, ripe"),
    "an x-field without a field": Case("property-without-field", "reason: {type: string, x-field: why, default: none}", "reason: {type: string, x-field: wherefore}", "wherefore", "'reason'", "x-field"),
    "two properties for one field": Case("duplicate-binding", PLAIN, "properties: {name: {type: string}, ripe: {type: boolean}, nom: {type: string, x-field: name}}", "{type: string, x-field: name}", "'nom' and 'name'", "Keep one"),
    "a field without a property": Case("field-without-partner", PLAIN, "properties: {name: {type: string}}", "type: object\n      additionalProperties: false\n      required: [name, ripe]\n      properties: {name", "oas.kitchen.v1.Plain.ripe", "'ripe'"),
    "required without a property": Case("required", "required: [name, ripe]", "required: [name, ripe, taste]", "taste", "is not a property", "Declare"),
    "a required message left out": Case("required", "required: [aColour, aLeaf, aPlain,", "required: [aColour, aLeaf,", "{$ref: '#/components/schemas/Plain'}\n        aTimestamp", "cannot be absent", "optional"),
    "a written field not required": Case("required", "                required: [size]\n", "", "{type: integer, format: int32}}\n  /things", "always written", "Add 'size'"),
    "an absent field required": Case("required", "required: [name, password, groups]", "required: [id, name, password, groups]", "id, name", "omitted if", "Remove 'id'"),
    "both readOnly and writeOnly": Case("read-write", "password: {type: string, writeOnly: true}", "password: {type: string, writeOnly: true, readOnly: true}", "{type: string, writeOnly", "both", "Keep one"),
    "a required field nobody may send": Case("read-only", "aColour: {$ref: '#/components/schemas/Colour'}", "aColour: {type: string, enum: [COLOUR_RED, COLOUR_GREEN], readOnly: true}", "{type: string, enum: [COLOUR_RED, COLOUR_GREEN], readOnly", "no request may have 'aColour'", "optional"),
    "required apart from readOnly": Case("read-only", "schema: {$ref: '#/components/schemas/Account'}\n      responses", "schema: {required: [id], allOf: [{$ref: '#/components/schemas/Account'}]}\n      responses", "id], allOf", "no request would be valid", "declares the property"),
    "a default of another type": Case("default", "maximum: 1000, default: 1}", "maximum: 1000, default: '1'}", "'1'}", "does not match its schema", "remove"),
    "a default out of range": Case("default", "{name: offset, in: query, schema: {type: string, format: uint64}}", "{name: offset, in: query, schema: {type: string, format: uint64, default: '-1'}}", "'-1'", "between", "remove"),
    # Parameters.
    "a cookie": Case("cookie", TRACE, "{name: trace, in: cookie, schema: {type: string}}", "{name: trace", "cookie", "header"),
    "deepObject": Case("style", SINCE, "{name: since, in: query, style: deepObject, schema: {type: string, format: date-time}}", "style: deep", "deepObject", "form"),
    "pipeDelimited": Case("style", IDS, "{name: ids, in: query, style: pipeDelimited, schema: {type: array, items: {type: string, format: int64}}}", "style: pipe", "pipeDelimited", "form"),
    "spaceDelimited": Case("style", IDS, "{name: ids, in: query, style: spaceDelimited, schema: {type: array, items: {type: string, format: int64}}}", "style: space", "spaceDelimited", "form"),
    "matrix": Case("style", "{name: shelf, in: path, required: true, schema", "{name: shelf, in: path, style: matrix, required: true, schema", "style: matrix", "matrix", "simple"),
    "label": Case("style", "{name: shelf, in: path, required: true, schema", "{name: shelf, in: path, style: label, required: true, schema", "style: label", "label", "simple"),
    "unexploded": Case("style", IDS, "{name: ids, in: query, explode: false, schema: {type: array, items: {type: string, format: int64}}}", "explode", "explode: false", "ids=1&ids=2"),
    "allowReserved": Case("style", SINCE, "{name: since, in: query, allowReserved: true, schema: {type: string, format: date-time}}", "allowReserved", "not supported", "Remove"),
    "content": Case("parameter-content", TRACE, "{name: X-Trace, in: header, x-field: trace, content: {application/json: {schema: {type: string}}}}", "content: {application/json: {schema: {type: string}}}}", "not supported", "schema"),
    "an ignored header": Case("header", TRACE, "{name: Authorization, in: header, x-field: trace, schema: {type: string}}", "{name: Authorization", "ignores", "Remove"),
    "a parameter twice": Case("duplicate-parameter", TRACE, f"{TRACE}\n        - {{name: x-trace, in: header, x-field: trace, schema: {{type: string}}}}", "{name: x-trace", "twice", "Keep one"),
    "an optional path parameter": Case("path-parameter", "{name: shelf, in: path, required: true, schema", "{name: shelf, in: path, schema", "{name: shelf, in: path, schema", "always present", "required: true"),
    "an undeclared path parameter": Case("path-parameter", "  /ping:", "  /ping/{name}:", "operationId: ping", "{name}", "in: path"),
    "a path parameter of no path": Case("path-parameter", "  /jobs:\n    post:", "  /jobs:\n    post:\n      parameters: [{name: name, in: path, required: true, schema: {type: string}}]", "{name: name, in: path", "is not in", "into the path"),
    "a parameter without a field": Case("input-without-field", TRACE, "{name: X-Trace, in: header, schema: {type: string}}", "{name: X-Trace", "no field 'X-Trace'", "trace"),
    "an object parameter": Case("parameter-type", "{name: row, in: query, x-field: target.row, schema: {type: integer, format: int32}}", "{name: row, in: query, x-field: target.plain, schema: {$ref: '#/components/schemas/Plain'}}", "{name: row", "a value or a list", "body"),
    "a parameter made of parts": Case("parameter-type", SINCE, "{name: since, in: query, schema: {allOf: [{$ref: '#/components/schemas/Moment'}]}}", "{allOf: [{$ref: '#/components/schemas/Moment'}]}}", "no `type`", "allOf"),
    "a parameter for the caller": Case("caller", TRACE, "{name: X-Trace, in: header, x-field: caller.subject, schema: {type: string}}", "caller.subject", "verified token", "Remove"),
    "a path through a list": Case("input-path", TRACE, "{name: X-Trace, in: header, x-field: tags.x, schema: {type: string}}", "tags.x", "passes through", "not optional"),
    "a field bound twice": Case("duplicate-binding", TRACE, f"{TRACE}\n        - {{name: trace, in: query, schema: {{type: string}}}}", "{name: trace, in: query", "trace is already bound", "Keep one"),
    "a field and its part": Case("duplicate-binding", "{name: row, in: query, x-field: target.row, schema: {type: integer, format: int32}}", "{name: row, in: query, x-field: target.plain.name, schema: {type: string}}", "{name: name, in: query, required: true, x-field", "bound to query parameter 'row'", "Keep one"),
    "a field without a source": Case("field-without-source", f"        - {TRACE}\n", "", "search\n", "trace", "'trace'"),
    "no field for an input": Case("input-source", RAW, "- {source: raw-body}\n        - {source: raw-body, x-field: payload}", "{source: raw-body}", "no field", "x-field"),
    "a cookie input": Case("input-source", RAW, f"{RAW}\n        - {{source: cookie, name: s, x-field: signature}}", "{source: cookie", "cookie", "header"),
    "an x-inputs that is no list": Case("extension", f"{RAW}\n        - {{source: client-address, x-field: address}}", "  source: raw-body", "source: raw-body", "a list", "[{source"),
    "an x-from that is no text": Case("extension", "x-from: created\n", "x-from: [created]\n", "[created]", "a string", "x-from"),
    "an x-field in a parameter's schema": Case("extension", SINCE, "{name: since, in: query, schema: {type: string, format: date-time, x-field: since}}", "since}}", "has no effect", "next to"),
    "CORS of the document": Case("extension", "paths:\n", "x-cors: {origins: ['*']}\npaths:\n", "x-cors", "no effect", "CORS_ORIGINS"),
    "a rate limit of an operation": Case("extension", "operationId: ping", "x-rate-limit: 10\n      operationId: ping", "x-rate-limit", "no effect", "USER_RATE"),
    "a timeout of a path": Case("extension", "  /ping:\n", "  /ping:\n    x-timeout: 3\n", "x-timeout", "no effect", "DEADLINE_SECONDS"),
    "a key of Aether's, misspelt": Case("extension", "operationId: ping", "x-criticalty: sheddable\n      operationId: ping", "x-criticalty", "no effect", "x-criticality"),
    "a key that Aether does not have": Case("extension", "operationId: ping", "x-aether-cache: true\n      operationId: ping", "x-aether-cache", "no effect", "x-rpc"),
    "another input": Case("input-source", RAW, f"{RAW}\n        - {{source: moon, x-field: signature}}", "{source: moon", "'moon'", "raw-body"),
    "bytes into a string": Case("type", "x-field: payload", "x-field: address", "{source: raw-body", "raw-body is bytes", "bytes"),
    # Bodies and answers.
    "XML": Case("media-type", "application/json:\n            schema: {$ref: '#/components/schemas/Account'}\n      responses", "application/xml:\n            schema: {$ref: '#/components/schemas/Account'}\n      responses", "application/xml", "application/xml", "raw-body"),
    "two media types": Case("media-type", "          application/octet-stream:", "          text/plain: {schema: {type: string}}\n          application/octet-stream:", "required: true\n        content:\n          text", "not 2", "Keep"),
    "an answer in text": Case("media-type", "              schema: {$ref: '#/components/schemas/Job'}", "              schema: {$ref: '#/components/schemas/Job'}\n            text/plain: {schema: {type: string}}", "{schema: {type: string}}\n        '201'", "text/plain", "application/json"),
    "a body of GET": Case("request-body", "  /ping:\n    get:\n", "  /ping:\n    get:\n      requestBody: {content: {application/json: {schema: {type: object}}}}\n", "requestBody: {content: {application/json: {schema: {type: object}", "GET", "POST"),
    "a body that may be absent": Case("required", "        required: true\n        x-field: plain", "        x-field: plain", "x-field: plain", "cannot be absent", "required: true"),
    "a body of no object": Case("type", "schema: {$ref: '#/components/schemas/Account'}\n      responses", "schema: {type: string}\n      responses", "{type: string}\n      responses", "is not an object", "x-field"),
    "default": Case("status", HERE, f"{HERE}\n        default: {{description: x}}", "default: {description: x}", "`default`", "every status"),
    "a range": Case("status", HERE, f"{HERE}\n        4XX: {{description: x}}", "4XX", "`4XX`", "every status"),
    "no success": Case("status", HERE, "'404': {description: x}", "responses:\n        '404': {d", "no success", "204"),
    "two plain successes": Case("status", HERE, f"{HERE}\n        '200': {{description: x}}", "responses:\n        '204': {description: Here.}\n", "2 of the 2", "x-from"),
    "a status nobody chooses": Case("x-from", "          x-from: created\n", "          x-from: made\n", "made", "no field 'made'", "created"),
    "a status chosen by a number": Case("x-from", "          x-from: created\n", "          x-from: version\n", "version\n          headers", "cannot select a status", "bool"),
    "a header of nothing": Case("header", "X-Cursor: {x-from: cursor, schema: {type: string}}", "X-Cursor: {schema: {type: string}}", "{schema: {type: string}}\n          content", "no source", "x-from"),
    "caching that is not fixed": Case("header", "X-Cursor: {x-from: cursor, schema: {type: string}}", "Cache-Control: {schema: {type: string}}", "{schema: {type: string}}\n          content", "one fixed value", "enum"),
    "caching of two kinds": Case("header", "X-Cursor: {x-from: cursor, schema: {type: string}}", "Cache-Control: {schema: {type: string, enum: [no-store, no-cache]}}", "{schema: {type: string, enum", "one fixed value", "enum"),
    "caching that smuggles": Case("header", "X-Cursor: {x-from: cursor, schema: {type: string}}", 'Cache-Control: {schema: {type: string, enum: ["no-store\\r\\nx: y"]}}', "{schema: {type: string, enum", "one fixed value", "enum"),
    "a header of the edge": Case("header", "X-Cursor: {x-from", "Content-Length: {x-from", "{x-from: cursor", "by the edge", "Remove"),
    "a header of a list": Case("header", "X-Cursor: {x-from: cursor, schema", "X-Cursor: {x-from: found, schema", "found, schema", "one value", "scalar"),
    "a required header that may be absent": Case("required", "Retry-After: {x-from: retry_after,", "Retry-After: {required: true, x-from: retry_after,", "{required: true, x-from: retry_after", "may be absent", "Remove"),
    "a template of a message": Case("header", "x-from: '/v1/jobs/{job.id}'", "x-from: '/v1/jobs/{job}'", "'/v1/jobs/{job}'", "one value", "scalar"),
    "a template of what may be absent": Case("x-from", "x-from: cursor, schema", "x-from: 'a{retry_after}', schema", "'a{retry_after}'", "a template cannot hold", "always present"),
    "a lone brace": Case("x-from", "x-from: '/v1/jobs/{job.id}'", "x-from: '/v1/jobs/{job.id'", "'/v1/jobs/{job.id'", "brace", "{path}"),
    "a body of 204": Case("no-body", HERE, "'204': {description: Here., content: {application/json: {schema: {type: object}}}}", "{application/json: {schema: {type: object}}}}", "no body", "Remove"),
    "a field that leaves by nothing": Case("field-without-partner", "            X-Cursor: {x-from: cursor, schema: {type: string}}\n", "", "responses:\n        '200':\n          description: What was found.", "cursor", "x-from"),
    "a body that may be absent from an answer": Case("x-from", "          x-from: job\n          headers:", "          headers:", "job\n              schema", "may be absent", "x-from: job"),
    "an error of its own": Case("problem", HERE, f"{HERE}\n        '404': {{description: x, content: {{application/json: {{schema: {{type: object}}}}}}}}", "{schema: {type: object}}}}", "RFC 9457", "problem+json"),
    "an error's header": Case("problem", HERE, f"{HERE}\n        '404': {{description: x, headers: {{X-Why: {{schema: {{type: string}}}}}}}}", "{schema: {type: string}}}}", "X-Why", "values"),
    "links": Case("links", HERE, f"{HERE[:-1]}, links: {{}}}}", "links", "not supported", "description"),
    "callbacks": Case("callbacks", "operationId: ping", "callbacks: {}\n      operationId: ping", "callbacks", "not supported", "event"),
    # Operations.
    "TRACE": Case("trace", "  /ping:\n    get:", "  /ping:\n    trace:", "trace:", "not supported", "another"),
    "no operationId": Case("operation-id", "      operationId: ping\n", "", "get:\n      security: []\n      responses:\n        '204'", "GET /ping", "operationId"),
    "an operationId that is no name": Case("operation-id", "operationId: ping", "operationId: ping-pong", "ping-pong", "function", "letters"),
    "an operationId twice": Case("duplicate-operation", "operationId: ping", "operationId: open", "open\n      security: []\n      responses:\n        '204'", "line", "its own"),
    "two operationIds of one name": Case("duplicate-operation", "operationId: ping", "operationId: start_job\n      x-rpc: kitchen.v1.KitchenService/Ping", "start_job", "same name", "Rename"),
    "no method": Case("no-method", "operationId: ping", "operationId: pong", "pong", "no method", "kitchen.v1.KitchenService/<one of"),
    "a method of another service": Case("no-method", "x-rpc: kitchen.v1.KitchenService/Move", "x-rpc: bath.v1.BathService/Move", "bath.v1", "no method", "x-rpc"),
    "a method for services": Case("service-only", "operationId: ping", "operationId: ping\n      x-rpc: kitchen.v1.KitchenService/Sweep", "kitchen.v1.KitchenService/Sweep", "services only", "Remove"),
    "paths that collide": Case("path-collision", "  /jobs:", "  /targets/{id}:\n    parameters: []\n  /jobs:", "/targets/{id}", "same path", "one of them"),
    "a path without a slash": Case("path", "  /ping:", "  ping:", "ping:\n    get", "begin with /", "/"),
    "no operation": Case("no-operations", KITCHEN[KITCHEN.index("paths:\n") : KITCHEN.index("components:\n")], "paths: {}\n", "paths: {}", "no operation", "Add one"),
    # Security.
    "an API key": Case("security-scheme", "bearer: {type: http, scheme: bearer}", "bearer: {type: apiKey, in: header, name: X-Key}", "{type: apiKey", "apiKey", "scheme: bearer"),
    "basic": Case("security-scheme", "bearer: {type: http, scheme: bearer}", "bearer: {type: http, scheme: basic}", "{type: http, scheme: basic", "http basic", "scheme: bearer"),
    "a token for everybody's operation": Case("security", "operationId: ping\n      security: []", "operationId: ping", "ping\n      responses", "public", "security: []"),
    "no token for a caller": Case("security", "security: [{bearer: [things.read, shelves.read]}]", "security: []", "[]\n      parameters", "takes a caller", "bearer"),
    "a token or not": Case("security", "security: [{bearer: [things.read, shelves.read]}]", "security: [{bearer: []}, {}]", "[{bearer: []}, {}]", "exactly one", "bearer"),
    "a criticality that is none": Case("criticality", "operationId: ping\n", "operationId: ping\n      x-criticality: urgent\n", "urgent", "x-criticality 'urgent' is no level", "Write one of: sheddable, sheddable_plus, critical, critical_plus."),
    "other scopes for the same method": Case("method-scopes", "operationId: ping\n      security: []", "operationId: again\n      x-rpc: kitchen.v1.KitchenService/Move\n      security: [{bearer: [things.move]}]", "[{bearer: [things.move]}]", "again requires the scopes things.move, but moveThing, which calls the same method Move, requires no scopes.", "same scopes"),
    "an unknown scheme": Case("security", "security: [{bearer: [things.read, shelves.read]}]", "security: [{token: []}]", "{token", "not declared", "securitySchemes"),
    # What is no OpenAPI at all.
    "no OpenAPI": Case("grammar", "title: Kitchen,", "titel: Kitchen,", "titel", "`titel` is no keyword of an info object", "Did you mean `title`?"),
    "a misspelt keyword of a schema": Case("grammar", "{type: string, format: date-time}", "{type: string, fromat: date-time}", "fromat", "`fromat` is no keyword of a schema object", "Did you mean `format`?"),
    "a type that is none": Case("grammar", SINCE, SINCE.replace("type: string", "type: strin"), "strin,", '"strin" is not one of array, boolean, integer', "one of these"),
    "a place of a parameter that is none": Case("grammar", SINCE, SINCE.replace("in: query", "in: qery"), "qery", '"qery" is not one of path, query, header, cookie', "one of these"),
    "a limit that is no number": Case("grammar", SINCE, SINCE.replace("format: date-time", "maxLength: ten"), "ten}", '"ten" is not of type integer', "of type integer"),
    "a response without a description": Case("grammar", MOVED, "'204': {desc: Moved.}", "desc: Moved", "`desc` is no keyword of a response object", "Did you mean `description`?"),
    "a response with nothing": Case("grammar", MOVED, "'204': {}", "{}\n", "`description` of a response object is missing", "Add `description`"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_is_refused_at_its_place_with_reason_and_fix(kitchen: Any, case: Case) -> None:
    assert case.old in KITCHEN
    yaml = KITCHEN.replace(case.old, case.new, 1)
    offset = yaml.index(case.at)
    line, column = yaml.count("\n", 0, offset) + 1, offset - yaml.rfind("\n", 0, offset)
    findings = kitchen.refusals(yaml)
    locations = [(finding.location.line, finding.location.column, finding.code) for finding in findings]
    assert (line, column, f"openapi-{case.code}") in locations, findings
    finding = findings[locations.index((line, column, f"openapi-{case.code}"))]
    assert finding.location.file == "openapi/kitchen.yaml"
    assert case.reason in finding.reason
    assert case.fix in finding.fix


def test_all_that_is_wrong_is_said_at_once(kitchen: Any) -> None:
    yaml = (
        KITCHEN.replace("operationId: ping", "operationId: pong")
        .replace(PLAIN, "properties: {name: {type: string}}")
        .replace(TRACE, "{name: trace, in: cookie, schema: {type: string}}")
    )
    codes = {finding.code for finding in kitchen.refusals(yaml)}
    assert {"openapi-no-method", "openapi-field-without-partner", "openapi-cookie"} <= codes


def test_a_refused_input_is_not_said_to_be_missing_too(kitchen: Any) -> None:
    yaml = KITCHEN.replace(SINCE, "{name: since, in: query, schema: {type: integer}}")
    assert [finding.code for finding in kitchen.refusals(yaml)] == ["openapi-type"]


def test_a_shared_type_may_not_have_a_name_the_module_needs(kitchen: Any) -> None:
    common, *others = kitchen.contracts.packages
    assert common.domain == "common"
    messages = tuple(replace(message, python_name="Reply") for message in common.messages[1:])
    packages = (replace(common, messages=(common.messages[0], *messages)), *others)
    workspace = replace(kitchen, contracts=replace(kitchen.contracts, packages=packages))
    (finding,) = workspace.refusals(KITCHEN)
    assert (finding.code, finding.location) == ("openapi-reserved-name", messages[0].location)
    assert (
        finding.fix
        == "Rename it; the reserved names are Access, Any, CONTRACT, Criticality, Final, Inputs, Malformed, Operation, Path, Reply."
    )


def test_findings_come_in_the_order_of_the_file(kitchen: Any) -> None:
    findings = kitchen.refusals(
        KITCHEN.replace(PLAIN, "properties: {}").replace("x-from: cursor", "x-from: a")
    )
    locations = [finding.location for finding in findings]
    assert len(locations) > 1
    assert locations == sorted(locations)
