"""What `aether explain` prints about contracts. What is right is a part of a scaffolded contract; a test mutates it."""

from __future__ import annotations

from typing import Final

from aether_tools.check.contracts.rules import QUALITY
from aether_tools.check.explanation import Explanation

_REST: Final = "openapi/billing.yaml"
_PROTO: Final = "proto/acme/billing/v1/billing.proto"
_TITLE: Final = """\
title:
  type: string
  minLength: 1
  maxLength: 200
  example: First
"""
_CREATED: Final = """\
'201':
  description: The invoice, as it was created.
"""
_ERRORS: Final = """\
'413':
  $ref: 'common.yaml#/components/responses/TooLarge'
'415':
  $ref: 'common.yaml#/components/responses/Unsupported'
"""
_CONFLICTS: Final = """\
'409':
  $ref: 'common.yaml#/components/responses/Conflict'
'412':
  $ref: 'common.yaml#/components/responses/Stale'
"""
_POST: Final = """\
/invoices:
  post:
"""
_SIZE: Final = """\
schema:
  type: integer
  format: int32
  minimum: 1
  maximum: 100
  default: 20
"""
_STATUS: Final = """\
type: string
enum: [INVOICE_STATUS_OPEN, INVOICE_STATUS_CLOSED]
"""
_OPERATION: Final = """\
operationId: createInvoice
summary: Creates an invoice that belongs to the caller.
tags: [invoices]
"""
_LIST: Final = """\
couponIds:
  type: array
  maxItems: 10
  items:
    type: string
    format: int64
"""
_CLOSING: Final = """\
operationId: closeInvoice
summary: Closes an invoice; a closed one stays closed.
"""
_GET: Final = """\
rpc GetInvoice(GetInvoiceRequest) returns (Invoice) {
  option idempotency_level = NO_SIDE_EFFECTS;
}
"""


def _quality(code: str, what: str, wrong: str, right: str, file: str = _REST) -> Explanation:
    why = QUALITY[code]
    switch = f'Switch it off in pyproject.toml, in [tool.aether.check]: off = {{ {code} = "<reason>" }}.'
    return Explanation(what, f"{why[0].upper()}{why[1:]}. {switch}", file, wrong, right)


CONTRACT_EXPLANATIONS: Final = {
    "contract-limits": Explanation(
        "The limits of a schema exclude each other, or its pattern or a member of its enum: no value fits.",
        "Every request would be refused, or no answer could be written as promised.",
        _REST,
        _TITLE.replace("minLength: 1", "minLength: 201"),
        _TITLE,
    ),
    "contract-keyword": Explanation(
        "A limit stands in a schema of another type, where JSON Schema ignores it.",
        "The contract seems to refuse what the service accepts: 64-bit integers are strings in JSON, for example.",
        _REST,
        _TITLE.replace("minLength: 1", "minLength: 1\n  minimum: 1"),
        _TITLE,
    ),
    "contract-example": Explanation(
        "An example does not fit its schema.",
        "Whoever copies it from the documentation is answered 400.",
        _REST,
        _TITLE.replace("First", "''"),
        _TITLE,
    ),
    "contract-duplicate": Explanation(
        "An enum lists a value twice.",
        "The second one was meant to be another value.",
        _REST,
        _STATUS.replace("CLOSED]", "CLOSED, INVOICE_STATUS_OPEN]"),
        _STATUS,
    ),
    "contract-status": Explanation(
        "An operation does not declare an error that its edge answers whatever the use case does, or declares one that "
        "it never answers.",
        "Clients are generated from the contract, and meet an answer that it does not have.",
        _REST,
        _ERRORS.partition("'415'")[0],
        _ERRORS,
    ),
    "contract-error": Explanation(
        "An operation does not declare an error that its use case raises: itself, through its domain, or through a port "
        "whose docstring says so.",
        "Clients are generated from the contract, and meet an answer that it does not have.",
        _REST,
        _CONFLICTS.partition("'412'")[0].replace(
            "'409':\n  $ref: 'common.yaml#/components/responses/Conflict'\n", ""
        )
        + "'412':\n  $ref: 'common.yaml#/components/responses/Stale'\n",
        _CONFLICTS,
    ),
    "contract-success": Explanation(
        "The success status is not that of what happens: 200 where something is created, 201 where it is read.",
        "Clients and caches go by the status (RFC 9110, section 15.3).",
        _REST,
        _CREATED.replace("201", "200"),
        _CREATED,
    ),
    "contract-verb": Explanation(
        "An operation's verb is not what the name of its method says, such as PUT for CreateInvoice.",
        "Clients and proxies repeat a PUT or DELETE, and cache a GET (RFC 9110, section 9.2).",
        _REST,
        _POST.replace("post:", "put:"),
        _POST,
    ),
    "contract-location": Explanation(
        "Location names a path at which nothing can be read.",
        "A client follows it and is answered 404. The path begins with the prefix of the server's url.",
        _REST,
        "x-from: /invoices/{id}\n",
        "x-from: /v1/invoices/{id}\n",
    ),
    "contract-version": Explanation(
        "An operation takes a version, and the response that should tell it has no ETag.",
        "Nobody could call the operation, other than with a guess.",
        _REST,
        "description: The invoice.\ncontent:\n",
        "description: The invoice.\nheaders:\n  ETag:\n    $ref: '#/components/headers/Version'\ncontent:\n",
    ),
    "contract-path": Explanation(
        "A path repeats the prefix that the server's url has.",
        "It would be served at /v1/v1.",
        _REST,
        "/v1/tally:\n  get:\n",
        "/tally:\n  get:\n",
    ),
    "contract-required": Explanation(
        "An input is required for REST callers only; or its absence is a value that its schema refuses.",
        "One use case serves both edges, and one of them lets through what the other refuses.",
        _REST,
        _SIZE.replace("  default: 20\n", ""),
        _SIZE,
    ),
    "quality-description": _quality(
        "quality-description",
        "Something that callers see has no description: the API, a tag, an operation, a parameter, a header or a "
        "schema; in proto the service, a method or an enum.",
        _CLOSING.replace("summary: Closes an invoice; a closed one stays closed.\n", ""),
        _CLOSING,
    ),
    "quality-summary": _quality(
        "quality-summary",
        "Two operations have the same summary.",
        _CLOSING.replace(
            "Closes an invoice; a closed one stays closed.", "Reads one of the caller's invoices."
        ),
        _CLOSING,
    ),
    "quality-text": _quality(
        "quality-text",
        "A text of a request may have any length.",
        _TITLE.replace("  maxLength: 200\n", ""),
        _TITLE,
    ),
    "quality-list": _quality(
        "quality-list",
        "A list or a map of a request may have any size.",
        _LIST.replace("  maxItems: 10\n", ""),
        _LIST,
    ),
    "quality-page-size": _quality(
        "quality-page-size",
        "A page may have any size.",
        _SIZE.replace("  maximum: 100\n", ""),
        _SIZE,
    ),
    "quality-paging": _quality(
        "quality-paging",
        "A method that lists things answers with all of them at once.",
        "- name: cursor\n  x-field: page_token\n",
        "- name: pageToken\n",
    ),
    "quality-open": _quality(
        "quality-open",
        "An object of a request accepts properties that nothing reads.",
        "type: object\nrequired: [title]\n",
        "type: object\nadditionalProperties: false\nrequired: [title]\n",
    ),
    "quality-tag": _quality(
        "quality-tag",
        "An operation has no tag, a tag is not declared, or no operation has it.",
        _OPERATION.replace("tags: [invoices]", "tags: [bills]"),
        _OPERATION,
    ),
    "quality-unused": _quality(
        "quality-unused",
        "Nothing uses a component, a message or an enum.",
        "message Old {\n  int64 id = 1;\n}\n\nmessage GetTallyRequest {\n",
        "message GetTallyRequest {\n",
        _PROTO,
    ),
    "quality-side-effects": _quality(
        "quality-side-effects",
        "A GET calls a method that does not say NO_SIDE_EFFECTS, or a PUT, PATCH or DELETE one that does.",
        "rpc GetInvoice(GetInvoiceRequest) returns (Invoice);\n",
        _GET,
        _PROTO,
    ),
    "quality-name": _quality(
        "quality-name",
        "A name is not written as others of its kind: camelCase for operations, parameters and properties, Train-Case "
        "for headers, kebab-case for paths, PascalCase for components and messages, lower_snake_case for fields.",
        _CLOSING.replace("closeInvoice", "CloseInvoice"),
        _CLOSING,
    ),
}
