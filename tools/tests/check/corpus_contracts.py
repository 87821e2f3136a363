"""Mutations of the scaffolded contracts: two that disagree, contracts of poor quality, and harmless changes."""

from __future__ import annotations

from typing import Final

from .corpus import DOMAIN, USE_CASE, Mutation

REST: Final = "/openapi/billing.yaml"
PROTO: Final = "/proto/acme/billing/v1/billing.proto"

_TITLE: Final = "          minLength: 1\n          maxLength: 200\n"
_SIZE: Final = "            minimum: 1\n            maximum: 100\n            default: 20\n"
_TOKEN: Final = "            maxLength: 200\n            pattern: ^[A-Za-z0-9_-]*$\n"
_NEW: Final = "      required: [title]\n"
_LOCATION: Final = "        '201':\n          description: The invoice, as it was created.\n"
_ID: Final = "      pattern: ^[1-9][0-9]{0,18}$\n"
_STATUS: Final = "enum: [INVOICE_STATUS_OPEN, INVOICE_STATUS_CLOSED]"
_CLOSED: Final = "        closedAt:\n          type: string\n          format: date-time\n"


def _rest(kind: str, code: str, old: str, new: str, at: str = "", *, place: str = "") -> Mutation:
    return Mutation(kind, REST, new, code, old, at, place)


def _proto(kind: str, code: str, old: str, new: str, at: str = "", *, place: str = "") -> Mutation:
    return Mutation(kind, PROTO, new, code, old, at, place)


def _response(status: int, name: str) -> str:
    return f"        '{status}':\n          $ref: 'common.yaml#/components/responses/{name}'\n"


def _limits() -> tuple[Mutation, ...]:
    kind, wrong = "contract", "contract-limits"
    title = [
        ("          minLength: 201\n          maxLength: 200\n", "minLength: 201"),
        ("          minLength: 1\n          maxLength: 0\n", "minLength: 1\n          maxLength: 0"),
        (f"{_TITLE}          pattern: ^[a-z]{{201,300}}$\n", "pattern: ^[a-z]{201"),
        (
            "          minLength: 9\n          maxLength: 200\n          pattern: ^[A-Z]{2,4}$\n",
            "pattern: ^[A-Z]",
        ),
        (
            "          maxLength: 3\n          pattern: ORDER-[0-9]+\n          minLength: 1\n",
            "pattern: ORDER",
        ),
        (f"{_TITLE}          enum: [First, '']\n", "enum: [First, '']"),
    ]
    size = [
        ("            minimum: 200\n            maximum: 100\n", "minimum: 200"),
        (
            "            minimum: 100\n            exclusiveMinimum: true\n            maximum: 100\n",
            "minimum: 100",
        ),
        (
            "            minimum: -3000000000\n            maximum: 100\n            default: 20\n",
            "minimum: -3000000000",
        ),
        ("            minimum: 5\n            maximum: 9\n            multipleOf: 10\n", "multipleOf: 10"),
    ]
    return (
        *(_rest(kind, wrong, _TITLE, new, at) for new, at in title),
        *(_rest(kind, wrong, _SIZE, new, at) for new, at in size),
        _rest(kind, wrong, _NEW, f"{_NEW}      maxProperties: 0\n", "      maxProperties: 0"),
        _rest(kind, wrong, _NEW, f"{_NEW}      minProperties: 2\n", "      minProperties: 2"),
        _rest(kind, wrong, _STATUS, f"{_STATUS}\n      maxLength: 19", _STATUS),
        _rest(kind, wrong, _TOKEN, "            maxLength: 200\n            pattern: ^[a-z]{300}$\n", "pattern: ^[a-z]{300}"),
    )  # fmt: skip


def _values() -> tuple[Mutation, ...]:
    kind, wrong = "contract", "contract-example"
    keyword = "contract-keyword"
    return (
        _rest(kind, wrong, "example: First", "example: ''"),
        _rest(kind, wrong, "example: First", "example: 7"),
        _rest(kind, wrong, "example: '7204113256386461696'", "example: 7204113256386461696"),
        _rest(kind, wrong, "example: '7204113256386461696'", "example: '0'"),
        _rest(kind, wrong, "example: '7204113256386461696'", "example: '9999999999999999999'"),
        _rest(kind, wrong, _NEW, f"{_NEW}      example: {{titel: First}}\n", "      example: {titel"),
        _rest(kind, wrong, _CLOSED, f"{_CLOSED}          example: yesterday\n", "          example: yesterday"),
        _rest(kind, wrong, "      format: int64\n      pattern: ^[0-9]{1,19}$\n",
              "      format: int64\n      pattern: ^[0-9]{1,19}$\n      example: many\n", "      example: many"),
        _rest(kind, wrong, _STATUS, f"{_STATUS}\n      example: INVOICE_STATUS_LOST", "example: INVOICE_STATUS_LOST"),
        _rest(kind, wrong, "description: How many invoices to return at most.\n",
              "description: How many invoices to return at most.\n          example: 500\n", "          example: 500"),
        _rest(kind, "openapi-default", "            default: 20\n", "            default: 101\n", "default: 101"),
        _rest(kind, "openapi-default", "            default: 20\n", "            default: twenty\n", "default: twenty"),
        _rest(kind, "contract-duplicate", _STATUS,
              "enum: [INVOICE_STATUS_OPEN, INVOICE_STATUS_CLOSED, INVOICE_STATUS_OPEN]", "enum: [INVOICE_STATUS_OPEN"),
        _rest(kind, keyword, _ID, f"{_ID}      minimum: 1\n", "      minimum: 1\n"),
        _rest(kind, keyword, _TITLE, f"{_TITLE}          maxItems: 3\n", "          maxItems: 3"),
        _rest(kind, keyword, _SIZE, f"{_SIZE}            maxLength: 3\n", "            maxLength: 3"),
        _rest(kind, keyword, "            minimum: 1\n", "            exclusiveMinimum: true\n", "exclusiveMinimum"),
        _rest(kind, keyword, _NEW, f"{_NEW}      minLength: 1\n", "      minLength: 1\n      properties"),
    )  # fmt: skip


def _promises() -> tuple[Mutation, ...]:
    kind, status, success = "contract", "contract-status", "contract-success"
    missing = [
        (400, "Malformed"), (401, "Unauthenticated"), (403, "Forbidden"), (413, "TooLarge"), (415, "Unsupported"),
        (429, "Exhausted"), (500, "Internal"), (503, "Unavailable"), (504, "Deadline"),
    ]  # fmt: skip
    first = f"      responses:\n{_LOCATION}"
    closing = _response(404, "NotFound") + _response(409, "Conflict") + _response(412, "Stale")
    listing = "              schema:\n                $ref: '#/components/schemas/InvoicesPage'\n"
    return (
        *(_rest(kind, status, _response(*each), "", first) for each in missing),
        _rest(kind, status, closing, _response(404, "NotFound") + _response(409, "Conflict"),
              "      responses:\n        '200':\n          description: The invoice, closed."),
        _rest(kind, status, _response(409, "Conflict"), _response(409, "Conflict") + _response(415, "Unsupported"),
              "        '415':"),
        _rest(kind, status, listing + _response(400, "Malformed"),
              listing + _response(400, "Malformed") + _response(412, "Stale"), _response(412, "Stale") + _response(401, "Unauthenticated")),
        _rest(kind, success, _LOCATION, _LOCATION.replace("201", "200"),
              "        '200':\n          description: The invoice, as it was created"),
        _rest(kind, success, "        '200':\n          description: One page of invoices.",
              "        '201':\n          description: One page of invoices."),
        _rest(kind, success, "        '200':\n          description: The invoice.\n",
              "        '202':\n          description: The invoice.\n"),
        _rest(kind, "contract-required", _NEW, "", "        title:\n          type: string\n          minLength: 1"),
        _rest(kind, "contract-required", "            default: 20\n", "", "          schema:\n            type: integer"),
        _rest(kind, "contract-required", "            pattern: ^[A-Za-z0-9_-]*$\n", "            pattern: ^[A-Za-z0-9_-]+$\n",
              "          schema:\n            type: string\n            maxLength: 200\n            pattern: ^[A-Za-z0-9_-]+$"),
        _proto(kind, "contract-required", "Caller caller = 1;\n  string title = 2;", "Caller caller = 1;\n  optional string title = 2;",
               _NEW, place=REST),
        _proto(kind, "contract-required", "  // The version the caller has seen; another one is refused.\n  int64 version = 3;",
               "  // The version the caller has seen; another one is refused.\n  optional int64 version = 3;",
               "        - name: If-Match", place=REST),
    )  # fmt: skip


def _places() -> tuple[Mutation, ...]:
    """What one operation says about another, and what has no effect."""
    kind, keyword = "contract", "contract-keyword"
    read = "          description: The invoice.\n          headers:\n            ETag:\n              $ref: '#/components/headers/Version'\n"
    told = "          headers:\n            ETag:\n              $ref: '#/components/headers/Version'\n          content:\n            application/json:\n              schema:\n                $ref: '#/components/schemas/Invoice'\n"
    untold = told.replace(
        "          headers:\n            ETag:\n              $ref: '#/components/headers/Version'\n", ""
    )
    closed = "          description: The invoice, closed.\n"
    located = "            Location:\n              description: Where the invoice can be read.\n              x-from: /v1/invoices/{id}\n              schema:\n                type: string\n                format: uri-reference\n"
    created = "        '201':\n          description: The invoice, as it was created"
    return (
        _rest(kind, "contract-version", read, "          description: The invoice.\n", "        '200':\n          description: The invoice.\n"),
        _rest(kind, "contract-version", closed + told, closed + untold, "        '200':\n          description: The invoice, closed"),
        _rest(kind, "contract-location", "/v1/invoices/{id}", "/invoices/{id}", "x-from: /invoices/{id}"),
        _rest(kind, "contract-location", "/v1/invoices/{id}", "/v1/invoice/{id}", "x-from: /v1/invoice/{id}"),
        _rest(kind, "contract-location", "/v1/invoices/{id}", "/v1/invoices/{id}/close", "x-from: /v1/invoices/{id}/close"),
        _rest(kind, "contract-success", located, "", created),
        _rest(kind, "contract-verb", "  /invoices:\n    post:\n", "  /invoices:\n    put:\n", "      operationId: createInvoice"),
        _rest(kind, "contract-path", "  /tally:", "  /v1/tally:"),
        _rest(kind, "contract-status", _response(404, "NotFound"), _response(404, "Conflict"), _response(404, "Conflict")),
        _rest(kind, "contract-required", "          in: header\n          required: true\n", "          in: header\n", "        - name: If-Match"),
        _rest(kind, "contract-status", _response(404, "NotFound"), _response(404, "NotFound") + "        '410':\n          description: It is gone.\n", "        '410':"),
        _rest(kind, "contract-limits", _TITLE, "          allOf:\n            - minLength: 300\n          maxLength: 200\n", "            - minLength: 300"),
        _rest(kind, "", _TITLE, "          allOf:\n            - minLength: 1\n          maxLength: 200\n"),
        _rest(kind, keyword, _TITLE, f"{_TITLE}          format: pasword\n", "          format: pasword"),
        _rest(kind, keyword, _TITLE, f"{_TITLE}          readOnly: true\n", "          readOnly: true"),
        _rest(kind, keyword, _CLOSED, f"{_CLOSED}          writeOnly: true\n", "          writeOnly: true"),
        _rest(kind, "contract-limits", _ID, "      pattern: ^[a-z]+$\n", "      pattern: ^[a-z]+$"),
        _rest(kind, "contract-limits", "            maxLength: 200\n", "            maxLength: 0\n", "            maxLength: 0"),
        Mutation(kind, "/openapi/common.yaml", "          example: 5", "contract-example", "          example: /problems/malformed", "          example: 5"),
        _rest(kind, "", _CLOSED, f"{_CLOSED}          readOnly: true\n"),
        _rest(kind, "", _TITLE, f"{_TITLE}          format: vatin\n"),
        _rest(kind, "", _TITLE, f"{_TITLE}          writeOnly: true\n"),
        _rest(kind, "", "  - url: /v1\n", "  - url: /v1\n    description: Here.\n"),
    )  # fmt: skip


def _errors() -> tuple[Mutation, ...]:
    """Errors that a use case raises and its operation does not declare."""
    kind, wrong = "contract", "contract-error"
    created = f"      responses:\n{_LOCATION}"
    closed = "      responses:\n        '200':\n          description: The invoice, closed."
    read = "      responses:\n        '200':\n          description: The invoice.\n"
    listed = "      responses:\n        '200':\n          description: One page of invoices."
    call = "def __call__(self, request: types.{0}Request, /) -> types.Invoice:\n"
    conflict = "        from acme_billing.domain.errors import Conflict\n        raise Conflict\n"
    paged = _response(422, "Invalid") + _response(429, "Exhausted")
    return (
        _rest(kind, wrong, _response(409, "Conflict"), "", closed),
        _rest(kind, wrong, _response(415, "Unsupported") + _response(422, "Invalid"), _response(415, "Unsupported"), created),
        _rest(kind, wrong, _response(403, "Forbidden") + paged, _response(403, "Forbidden") + _response(429, "Exhausted"), listed),
        Mutation(kind, USE_CASE, call.format("CreateInvoice") + conflict, wrong, call.format("CreateInvoice"), created, REST),
        Mutation(kind, "application/get_invoice.py", call.format("GetInvoice") + conflict, wrong, call.format("GetInvoice"), read, REST),
        Mutation(kind, "domain/values.py", "class Title:\n    def _lost(self) -> None:\n        raise ValueError\n", ""),
        Mutation(kind, DOMAIN, '        """Return a new one, open."""\n        raise InvoiceAlreadyClosed(0, now)\n', wrong,
                 '        """Return a new one, open."""\n', created, REST),
    )  # fmt: skip


def _sides() -> tuple[Mutation, ...]:
    """What the compiler itself refuses: names, types, members and presence that differ."""
    kind = "contract"
    title = "        title:\n          type: string\n          minLength: 1\n"
    return (
        _rest(kind, "openapi-grammar", "maxLength: 200\n          example", "maxLenght: 200\n          example"),
        _rest(kind, "openapi-property-without-field", "        closedAt:\n", "        endedAt:\n",
              "          type: string\n          format: date-time\n    InvoicesPage"),
        _rest(kind, "openapi-property-without-field", title, title.replace("title:", "name:"),
              "          type: string\n          minLength: 1"),
        _rest(kind, "openapi-enum", _STATUS, "enum: [INVOICE_STATUS_OPEN]"),
        _rest(kind, "openapi-enum", _STATUS, "enum: [INVOICE_STATUS_OPEN, INVOICE_STATUS_CLOSED, INVOICE_STATUS_PAID]"),
        _rest(kind, "openapi-type", _CLOSED, "        closedAt:\n          type: string\n          format: date\n",
              "          type: string\n          format: date\n"),
        _rest(kind, "openapi-required", "required: [id, title, status, version, createdAt]",
              "required: [id, title, status, version, createdAt, closedAt]"),
        _rest(kind, "openapi-required", "required: [created, closed]", "required: [created]",
              "          $ref: '#/components/schemas/Count'"),
        _proto(kind, "openapi-type", "int32 page_size = 2;", "int64 page_size = 2;",
               "            type: integer\n            format: int32\n            minimum: 1", place=REST),
        _proto(kind, "openapi-field-without-partner", "  int64 closed = 2;\n", "  int64 closed = 2;\n  int64 lost = 3;\n",
               "      description: How many invoices the caller has", place=REST),
        _proto(kind, "openapi-field-without-source", "  string title = 2;\n}\n\nmessage Get",
               "  string title = 2;\n  string note = 3;\n}\n\nmessage Get", "      operationId: createInvoice", place=REST),
    )  # fmt: skip


def _agreeing() -> tuple[Mutation, ...]:
    kind = "contract"
    title = [
        "          minLength: 200\n          maxLength: 200\n",
        "          minLength: 1\n          maxLength: 5000\n",
        f"{_TITLE}          pattern: ^\\S.*$\n",
        f"{_TITLE}          pattern: '[A-Za-z]'\n",
        "          minLength: 4\n          maxLength: 4\n          pattern: ^[A-Z]{2,4}$\n",
        "          minLength: 3\n          maxLength: 9\n          pattern: ^a|bcd$\n",
        f"{_TITLE}          enum: [First, Second]\n",
        f"{_TITLE}          nullable: false\n",
    ]
    size = [
        "            minimum: 20\n            maximum: 20\n            default: 20\n",
        "            minimum: 0\n            exclusiveMinimum: true\n            maximum: 100\n            default: 20\n",
        "            minimum: 1\n            maximum: 1000\n            default: 1000\n",
        "            minimum: 10\n            maximum: 100\n            multipleOf: 10\n            default: 20\n",
    ]
    return (
        *(_rest(kind, "", f"{_TITLE}          example: First\n", new) for new in title),
        *(_rest(kind, "", _SIZE, new) for new in size),
        _rest(kind, "", "example: First", "example: Erste 🌸"),
        _rest(kind, "", "example: '7204113256386461696'", "example: '9223372036854775807'"),
        _rest(kind, "", _CLOSED, f"{_CLOSED}          example: '2030-01-01T00:00:00Z'\n"),
        _rest(kind, "", _NEW, f"{_NEW}      example: {{title: First}}\n"),
        _rest(kind, "", _STATUS, f"{_STATUS}\n      example: INVOICE_STATUS_OPEN"),
        _rest(kind, "", "      required: [title]\n", "      required:\n        - title\n"),
        _rest(kind, "", _response(404, "NotFound"), _response(404, "NotFound") + _response(409, "Conflict")),
        _rest(kind, "", _response(409, "Conflict"), _response(409, "Conflict") + _response(422, "Invalid")),
        Mutation(kind, USE_CASE, "def __call__(self, request: types.CreateInvoiceRequest, /) -> types.Invoice:\n"
                 "        try:\n            Title.of('')\n        except InvoiceAlreadyClosed:\n            raise",
                 old="def __call__(self, request: types.CreateInvoiceRequest, /) -> types.Invoice:"),
        _rest(kind, "", "            default: 20\n", "            default: 100\n"),
        _rest(kind, "", "            pattern: ^[A-Za-z0-9_-]*$\n", ""),
        _rest(kind, "", _ID, ""),
        _proto(kind, "", "// Set once the invoice is closed.", "// Empty as long as the invoice is open."),
        _proto(kind, "", "  string title = 2;\n}\n\nmessage Get", "  string title = 4;\n}\n\nmessage Get"),
    )  # fmt: skip


def _quality() -> tuple[Mutation, ...]:
    kind = "quality"
    say, name, tag, unused = "quality-description", "quality-name", "quality-tag", "quality-unused"
    text, effects = "quality-text", "quality-side-effects"
    reads = " {\n    option idempotency_level = NO_SIDE_EFFECTS;\n  }"
    schemas = "  schemas:\n"
    tags = "    description: What a caller keeps here.\n"
    return (
        # Descriptions.
        _rest(kind, say, "  description: Keeps invoices, which are created, read, listed and closed.\n", "", "info:"),
        _rest(kind, say, tags, "", "  - name: invoices"),
        _rest(kind, say, tags, "    description: TODO\n", "  - name: invoices"),
        _rest(kind, say, "      summary: Creates an invoice that belongs to the caller.\n", "", "      operationId: createInvoice"),
        _rest(kind, say, "      summary: Creates an invoice that belongs to the caller.\n", "      summary: '...'\n", "      operationId: createInvoice"),
        _rest(kind, say, "          description: How many invoices to return at most.\n", "", "        - name: pageSize"),
        _rest(kind, say, "      description: The invoice's id.\n", "", "    InvoiceId:"),
        _rest(kind, say, "      description: The invoice's version, for If-Match.\n", "", "    Version:"),
        _rest(kind, say, "              description: Where the invoice can be read.\n", "", "            Location:"),
        _rest(kind, say, "      description: The invoice to create.\n", "", "    NewInvoice:"),
        _rest(kind, say, "          description: One page of invoices.\n", "          description: ''\n"),
        _proto(kind, say, "// Keeps invoices: they are created, read, listed and closed.\n", "", "service BillingService"),
        _proto(kind, say, "  // Creates an invoice that belongs to the caller.\n", "", "  rpc CreateInvoice"),
        _proto(kind, say, "// What can be done with an invoice.\n", "", "enum InvoiceStatus"),
        _rest(kind, "quality-summary", "summary: Closes an invoice; a closed one stays closed.", "summary: Reads one of the caller's invoices."),
        _rest(kind, say, tags, "    description: Invoices\n", "  - name: invoices"),
        _rest(kind, say, "      summary: Counts the caller's invoices, from their events.\n", "      summary: Get tally\n", "      operationId: getTally"),
        _rest(kind, say, "          description: Only invoices in this status.\n", "          description: The status\n", "        - name: status"),
        _proto(kind, say, "// Keeps invoices: they are created, read, listed and closed.\n", "// TODO\n", "service BillingService"),
        _rest(kind, "quality-summary", "from their events.", "from their events, " + "and so on, " * 20 + "for ever.", "      summary: Counts"),
        _rest(kind, name, "  /invoices/{id}:\n", "  /Invoices/{id}:\n"),
        _rest(kind, say, "  title: Billing\n", "  title: ''\n"),
        _rest(kind, say, "      description: The invoice to create.\n", "      description: New invoice.\n", "    NewInvoice:"),
        Mutation(kind, "/proto/acme/billing/v1/events.proto", "", say, "// An invoice was created.\n", "message InvoiceCreated"),
        _rest(kind, tag, "      tags: [invoices]\n", "      tags: [invoices, invoices]\n"),
        _proto(kind, effects, "rpc CloseInvoice(CloseInvoiceRequest) returns (Invoice);", f"rpc CloseInvoice(CloseInvoiceRequest) returns (Invoice){reads}"),
        _rest(kind, "quality-page-size", "            maximum: 100\n", "            maximum: 1000000\n"),
        _rest(kind, name, "  /tally:", "  /tally/:"),
        # Bounds.
        _rest(kind, text, "          minLength: 1\n          maxLength: 200\n", "          minLength: 1\n", "        title:\n          type: string\n          minLength: 1"),
        _rest(kind, text, "            maxLength: 200\n", "", "          schema:\n            type: string\n            pattern"),
        _rest(kind, text, "          maxLength: 200\n          example", "          pattern: ^[A-Za-z]+$\n          example", "        title:\n          type: string\n          minLength: 1"),
        _rest(kind, text, "            maxLength: 200\n            pattern: ^[A-Za-z0-9_-]*$\n", "            format: password\n", "          schema:\n            type: string\n            format: password"),
        _rest(kind, "quality-page-size", "            maximum: 100\n", "", "          schema:\n            type: integer"),
        _rest(kind, "quality-paging", "        - name: pageToken\n", "        - name: cursor\n          x-field: page_token\n", "        invoices:\n          type: array"),
        _rest(kind, "quality-open", "      additionalProperties: false\n", "", "    NewInvoice:"),
        _rest(kind, "quality-open", "      additionalProperties: false\n", "      additionalProperties: true\n", "    NewInvoice:"),
        # Tags.
        _rest(kind, tag, "      tags: [invoices]\n", "", "      operationId: createInvoice"),
        _rest(kind, tag, "      tags: [invoices]\n", "      tags: [bills]\n"),
        _rest(kind, tag, "      tags: [invoices]\n", "      tags: [invoices, bills]\n"),
        _rest(kind, tag, tags, f"{tags}  - name: bills\n    description: What to pay.\n", "  - name: bills"),
        # What nothing uses.
        _rest(kind, unused, schemas, f"{schemas}    Old:\n      description: An old one.\n      type: string\n", "    Old:"),
        _rest(kind, unused, "\n  parameters:\n", "\n  parameters:\n    Old:\n      name: old\n      in: query\n      description: An old one.\n      schema:\n        type: boolean\n", "    Old:"),
        _rest(kind, unused, "\n  headers:\n", "\n  headers:\n    Old:\n      description: An old one.\n      schema:\n        type: string\n", "    Old:"),
        _proto(kind, unused, "message GetTallyRequest", "message Old {\n  int64 id = 1;\n}\n\nmessage GetTallyRequest", "message Old"),
        _proto(kind, unused, "message GetTallyRequest", "// An old one.\nenum Old {\n  OLD_UNSPECIFIED = 0;\n  OLD_ONE = 1;\n}\n\nmessage GetTallyRequest", "enum Old"),
        # Side effects.
        _proto(kind, effects, f"rpc GetInvoice(GetInvoiceRequest) returns (Invoice){reads}", "rpc GetInvoice(GetInvoiceRequest) returns (Invoice);"),
        _proto(kind, effects, f"rpc GetInvoice(GetInvoiceRequest) returns (Invoice){reads}", "rpc GetInvoice(GetInvoiceRequest) returns (Invoice) {\n    option idempotency_level = IDEMPOTENT;\n  }"),
        _proto(kind, effects, f"rpc ListInvoices(ListInvoicesRequest) returns (ListInvoicesResponse){reads}", "rpc ListInvoices(ListInvoicesRequest) returns (ListInvoicesResponse);"),
        # Names.
        _rest(kind, name, "  /invoices/{id}/close:", "  /invoices/{id}/closeIt:"),
        _rest(kind, name, "  /tally:", "  /Tally:"),
        _rest(kind, name, "  /tally:", "  /the_tally:"),
        _rest(kind, name, "      operationId: closeInvoice\n", "      operationId: CloseInvoice\n"),
        _rest(kind, name, "        - name: pageToken\n", "        - name: page_token\n          x-field: page_token\n", "        - name: page_token"),
        _rest(kind, name, "        - name: If-Match\n", "        - name: if-match\n"),
        _rest(kind, name, "      required: [title]\n      properties:\n        title:\n",
              "      required: [Title]\n      properties:\n        Title:\n          x-field: title\n", "        Title:"),
        _proto(kind, name, "message Tally {\n  int64 created = 1;", "message Tally {\n  int64 Created = 1 [json_name = \"created\"];", "  int64 Created"),
        _proto(kind, name, "service BillingService {", "service Billing {"),
    )  # fmt: skip


def _good() -> tuple[Mutation, ...]:
    kind = "quality"
    schemas = "  schemas:\n"
    return (
        _rest(kind, "", "    description: What a caller keeps here.\n", "    description: Todos and other things.\n"),
        _rest(kind, "", "      summary: Creates an invoice that belongs to the caller.\n", "      description: Creates an invoice that belongs to the caller.\n"),
        _rest(kind, "", "      summary: Creates an invoice that belongs to the caller.\n", "      summary: Creates it.\n      description: And keeps it.\n"),
        _rest(kind, "", "          minLength: 1\n          maxLength: 200\n", "          minLength: 1\n          pattern: ^[A-Za-z ]{1,200}$\n"),
        _rest(kind, "", "          minLength: 1\n          maxLength: 200\n", "          minLength: 1\n          maxLength: 200\n          format: password\n"),
        _rest(kind, "", "            maximum: 100\n", "            maximum: 1000\n"),
        _rest(kind, "", "      tags: [invoices]\n", "      tags:\n        - invoices\n"),
        _rest(kind, "", "    description: What a caller keeps here.\n", "    description: What a caller keeps here.\n    externalDocs: {url: 'https://example.org'}\n"),
        _rest(kind, "", "  /tally:", "  /invoices-tally:"),
        _rest(kind, "", "  /tally:", "  /.well-known/tally.json:"),
        _rest(kind, "", "  /tally:", "  /v2/tally:"),
        _rest(kind, "", "      operationId: getTally\n", "      operationId: tally\n      x-rpc: billing.v1.BillingService/GetTally\n"),
        _rest(kind, "", "        title:\n          type: string\n          minLength: 1\n", "        title:\n          description: What it is called.\n          type: string\n          minLength: 1\n"),
        _rest(kind, "", "        title:\n          type: string\n        status:", "        title:\n          type: string\n          maxLength: 200\n        status:"),
        _rest(kind, "", schemas, f"{schemas}    # A comment is nothing.\n"),
        _rest(kind, "", "  version: 1.0.0\n", "  version: 1.0.0\n  contact: {name: The team}\n"),
        _rest(kind, "", "      summary: Counts the caller's invoices, from their events.\n", "      summary: Counts the caller's invoices, from their events.\n      deprecated: true\n"),
        _proto(kind, "", "message GetTallyRequest", "// Who asks.\nmessage GetTallyRequest"),
        _proto(kind, "", "  // It is final.\n", ""),
        _proto(kind, "", "  rpc CloseInvoice(CloseInvoiceRequest) returns (Invoice);", "  rpc CloseInvoice(CloseInvoiceRequest) returns (Invoice) {\n    option idempotency_level = IDEMPOTENT;\n  }"),
        _proto(kind, "", "// An invoice, as its owner sees it.\n", ""),
        _proto(kind, "", "message Tally {\n  int64 created = 1;", "message Tally {\n  reserved 9;\n  int64 created = 1;"),
    )  # fmt: skip


CONTRACTS: Final = (
    *_limits(),
    *_values(),
    *_promises(),
    *_places(),
    *_errors(),
    *_sides(),
    *_agreeing(),
    *_quality(),
    *_good(),
)
