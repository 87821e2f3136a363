"""Realistic changes of the shop's contract: each is found by its codes, at its lines, and nothing else is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from aether_tools.breaking.library import Library
from aether_tools.breaking.openapi import compare_documents
from aether_tools.finding import Finding, Severity

from .conftest import TODAY

OPENAPI = Path(__file__).parents[3] / "openapi"


@dataclass(frozen=True, slots=True)
class Change:
    """Text of trade.yaml that becomes another, the first time after `below`.

    `found` gives each expected code with a part of the line that it is told at.
    """

    below: str
    old: str
    new: str
    found: tuple[tuple[str, str], ...] = ()


QUANTITY = "    OrderItem:\n"
ORDER = "    Order:\n"
LINE = "    OrderLine:\n"

BREAKS = {
    "an operation goes": Change("  /orders/{id}/payment:", "    put:\n      operationId: startPayment", "    x-put:\n      operationId: startPayment", (("api-operation-removed", "put:"),)),
    "a path is renamed": Change("paths:", "  /courses:\n", "  /catalogue:\n", (("api-path-removed", "  /courses:"),)),
    "a header becomes required": Change("      name: pageSize", "      in: query", "      in: query\n      required: true", (("api-parameter-required", "required: true"),)),
    "a page size has a lower maximum": Change("      name: pageSize", "maximum: 100", "maximum: 50", (("api-request-limit-tightened", "maximum: 50"),)),
    "a page token is shorter": Change("      name: pageToken", "maxLength: 200", "maxLength: 100", (("api-request-limit-tightened", "maxLength: 100"),)),
    "a page token fits another pattern": Change("      name: pageToken", "^[A-Za-z0-9_-]*$", "^[a-z0-9]*$", (("api-request-pattern-changed", "^[a-z0-9]*$"),)),
    "a new property is required": Change("    CourseDraft:", "required: [title, priceCents, onSale]\n      properties:\n", "required: [title, priceCents, onSale, teacher]\n      properties:\n        teacher:\n          type: string\n", (("api-request-property-required-added", "teacher:"),)),
    "an optional property becomes required": Change("    NewOrder:", "required: [items]", "required: [items, couponIds]", (("api-request-property-required", "couponIds"),)),
    "a property of a closed request goes": Change(QUANTITY, "        activityId:\n          $ref: '#/components/schemas/Id'\n", "", (("api-request-property-refused", "activityId:"),)),
    "a property of an answer goes": Change(LINE, "        discountCents:\n          $ref: '#/components/schemas/Cents'\n", "", (("api-response-property-removed", "discountCents:"),)),
    "a property of an answer may be absent": Change(ORDER, "        - deadline\n", "", (("api-response-property-optional", "deadline:"),)),
    "a number becomes text": Change(QUANTITY, "          type: integer\n          format: int32\n          minimum: 1\n          maximum: 100", "          type: string", (("api-request-type-changed", "type: string"),)),
    "an answer's number becomes a fraction": Change(LINE, "          type: integer\n          format: int32\n", "          type: number\n", (("api-response-type-changed", "type: number"),)),
    "an answer may be null": Change("    Payment:", "        payUrl:\n          type: string", "        payUrl:\n          type: string\n          nullable: true", (("api-response-null-allowed", "type: string"),)),
    "an answer's time has another format": Change("    Course:", "format: date-time", "format: date", (("api-response-format-changed", "format: date"),)),
    "a state goes, which clients send and get": Change("    OrderStatus:", "        - ORDER_STATUS_FINISHED\n", "", (("api-request-enum-removed", "ORDER_STATUS_FINISHED"),)),
    "fewer items fit in an order": Change("    NewOrder:", "maxItems: 20", "maxItems: 10", (("api-request-limit-tightened", "maxItems: 10"),)),
    "an id is a number": Change("  schemas:\n    Id:", "      type: string\n      format: int64\n      pattern: ^[1-9][0-9]{0,18}$", "      type: integer\n      format: int64", (("api-request-type-changed", "type: integer"), ("api-response-type-changed", "type: integer"))),
    "a success status is another": Change("      operationId: placeOrder", "        '201':", "        '202':", (("api-response-removed", "'201':"),)),
    "an answer loses its body": Change("      operationId: getCourse", "          content:\n            application/json:\n              schema:\n                $ref: '#/components/schemas/Course'\n", "", (("api-response-media-removed", "application/json:"),)),
    "an answer loses a header": Change("      operationId: placeOrder", "            ETag:\n              $ref: '#/components/headers/Version'\n", "", (("api-header-removed", "ETag:"),)),
    "an operation asks for a scope": Change("      operationId: listCourses\n", "      tags: [courses]", "      tags: [courses]\n      security:\n        - bearer: [courses.read]", (("api-scope-added", "security:"),)),
    "a request takes another media type": Change("      operationId: placeOrder", "          application/json:\n            schema:\n              $ref: '#/components/schemas/NewOrder'", "          application/cbor:\n            schema:\n              $ref: '#/components/schemas/NewOrder'", (("api-body-media-removed", "application/json:"),)),
    "a header has another name": Change("      operationId: placeOrder", "        - name: Idempotency-Key", "        - name: Request-Id", (("api-parameter-required-added", "name: Request-Id"),)),
    "an open request is closed": Change("    PaymentNotice:", "      type: object\n      example:", "      type: object\n      additionalProperties: false\n      example:", (("api-request-additional-refused", "additionalProperties: false"),)),
}  # fmt: skip
HARMLESS = {
    "a description is better": Change("    Price:", "In cents; at most 1,000,000.00.", "The price, in cents."),
    "an example is another": Change("    CourseTitle:", "Hexagons by example", "Cubes by example"),
    "an operation is tagged": Change("      operationId: getOrder", "tags: [orders]", "tags: [orders, payments]"),
    "a property is new in an answer": Change("    Course:", "      properties:\n", "      properties:\n        teacher:\n          type: string\n"),
    "a property is new and optional in a request": Change("    CourseDraft:", "      properties:\n", "      properties:\n        teacher:\n          type: string\n"),
    "a parameter is new and optional": Change("      operationId: listCourses", "      parameters:\n", "      parameters:\n        - name: teacher\n          in: query\n          schema: {type: string}\n"),
    "a maximum is higher": Change(QUANTITY, "maximum: 100", "maximum: 200"),
    "a required property is optional in a request": Change("    CourseDraft:", "required: [title, priceCents, onSale]", "required: [title, priceCents]"),
    "an optional property is always in an answer": Change(ORDER, "        - deadline\n", "        - deadline\n        - paidAt\n"),
    "an operation is new": Change("  /courses/{id}:\n", "    get:\n", "    delete:\n      responses: {'204': {description: Gone.}}\n    get:\n"),
    "an error is new": Change("      operationId: getCourse", "        '404':", "        '410': {description: Not on sale any more.}\n        '404':"),
    "an operation is deprecated": Change("", "      operationId: listCourses\n", "      operationId: listCourses\n      deprecated: true\n      x-sunset: '2099-01-31'\n"),
    "properties have another order": Change("    CourseDraft:", "required: [title, priceCents, onSale]", "required: [onSale, title, priceCents]"),
    "a schema is written where it was referred to": Change("    CourseDraft:", "          $ref: '#/components/schemas/CourseTitle'", "          type: string\n          minLength: 1\n          maxLength: 200"),
    "a schema is put together from one": Change("    CourseDraft:", "          $ref: '#/components/schemas/CourseTitle'", "          allOf: [{$ref: '#/components/schemas/CourseTitle'}]"),
    "everybody may read": Change("      operationId: listCourses\n", "      tags: [courses]", "      tags: [courses]\n      security: []"),
    "a component that nothing uses": Change("", "  schemas:\n    Id:", "  schemas:\n    Unused:\n      type: string\n    Id:"),
}  # fmt: skip


def changed(folder: Path, change: Change) -> tuple[Finding, ...]:
    """Return the findings of a change that are not safe."""
    shutil.copytree(OPENAPI, folder / "old", ignore=shutil.ignore_patterns("gen"))
    shutil.copytree(folder / "old", folder / "new")
    text = (folder / "old/trade.yaml").read_text(encoding="utf-8")
    head, below, tail = text.partition(change.below) if change.below else ("", "", text)
    assert change.old in tail
    new = folder / "new/trade.yaml"
    new.write_text(head + below + tail.replace(change.old, change.new, 1), encoding="utf-8")
    found = compare_documents(
        folder / "old/trade.yaml", new, old_library=Library(folder), new_library=Library(folder), today=TODAY
    )
    return tuple(each for each in found if each.severity is not Severity.SAFE)


def line_of(folder: Path, finding: Finding) -> str:
    return (folder / finding.location.file).read_text(encoding="utf-8").split("\n")[finding.location.line - 1]


@pytest.mark.parametrize("name", BREAKS)
def test_a_change_that_breaks_is_found_at_its_line(tmp_path: Path, name: str) -> None:
    change = BREAKS[name]
    breaking = [each for each in changed(tmp_path, change) if each.severity is Severity.BREAKING]
    assert [each.code for each in breaking] == [code for code, _ in change.found]
    for finding, (_, text) in zip(breaking, change.found, strict=True):
        assert text in line_of(tmp_path, finding)
        assert (
            finding.location.column == len(line_of(tmp_path, finding).partition(text.strip())[0]) + 1 or text
        )


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_is_safe(tmp_path: Path, name: str) -> None:
    assert changed(tmp_path, HARMLESS[name]) == ()
