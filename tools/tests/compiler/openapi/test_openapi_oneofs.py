"""A oneof that a REST contract requires is required in the port, over gRPC and over REST."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from aether_tools.compiler.pipeline import generate
from aether_tools.finding import Finding

Run = Callable[[Path, str], str]
Write = Callable[[Mapping[str, str]], Path]

PROTO = """\
syntax = "proto3";
package acme.till.v1;
import "aether_adapters/contract/options.proto";
service TillService {
  rpc Pay(PayRequest) returns (Payment) { option (aether_adapters.contract.access) = ACCESS_PUBLIC; }
  rpc Check(Payment) returns (Payment) { option (aether_adapters.contract.access) = ACCESS_SERVICE; }
}
message Card { string number = 1; }
message Cash { int32 coins = 1; }
message Payment {
  oneof method { Card card = 1; Cash cash = 2; Card other_card = 3; string voucher = 4; }
}
message Refund { oneof into { Card card = 1; Cash cash = 2; } }
message PayRequest { Payment payment = 1; Refund refund = 2; }
"""

MEMBERS = """\
      properties:
        card: {$ref: '#/components/schemas/Card'}
        cash: {$ref: '#/components/schemas/Cash'}
        otherCard: {$ref: '#/components/schemas/Card'}
        voucher: {type: string}
"""
REQUIRED = (
    "      oneOf: [{required: [card]}, {required: [cash]}, {required: [otherCard]}, {required: [voucher]}]\n"
)
OPENAPI = f"""\
openapi: 3.0.3
info: {{title: Till, version: 1.0.0}}
servers: [{{url: /v1}}]
paths:
  /payments:
    post:
      operationId: pay
      security: []
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [payment, refund]
              properties:
                payment: {{$ref: '#/components/schemas/Payment'}}
                refund: {{$ref: '#/components/schemas/Refund'}}
      responses:
        '200':
          description: Paid.
          content: {{application/json: {{schema: {{$ref: '#/components/schemas/Paid'}}}}}}
components:
  schemas:
    Card: {{type: object, required: [number], properties: {{number: {{type: string}}}}}}
    Cash: {{type: object, required: [coins], properties: {{coins: {{type: integer, format: int32}}}}}}
    Refund:
      type: object
      properties: {{card: {{$ref: '#/components/schemas/Card'}}, cash: {{$ref: '#/components/schemas/Cash'}}}}
    Payment:
      type: object
{REQUIRED}{MEMBERS}    Paid:
      type: object
{REQUIRED}{MEMBERS}"""

FILES = {"proto/acme/till/v1/till.proto": PROTO, "openapi/till.yaml": OPENAPI}


@pytest.fixture
def till(workspace: Write) -> Path:
    root = workspace(FILES)
    assert generate(root).findings == ()
    return root


def refusals(workspace: Write, old: str, new: str) -> tuple[Finding, ...]:
    assert old in OPENAPI
    return generate(workspace(FILES | {"openapi/till.yaml": OPENAPI.replace(old, new)})).findings


def test_the_port_cannot_do_without_a_required_oneof(till: Path, python: Run) -> None:
    printed = python(
        till,
        """
        from acme.till.v1 import types
        print(types.Payment.__annotations__["method"])
        print(types.Refund.__annotations__["into"], types.Refund())
        try:
            types.Payment()
        except TypeError as error:
            print(error)
        """,
    )
    assert printed.splitlines() == [
        "PaymentCard | Cash | PaymentOtherCard | PaymentVoucher",
        "Card | Cash | None Refund(into=None)",
        "Payment.__init__() missing 1 required keyword-only argument: 'method'",
    ]


def test_a_member_is_wrapped_only_where_its_type_does_not_tell_it_apart(till: Path, python: Run) -> None:
    printed = python(
        till,
        """
        from acme.till.v1 import codec, types
        from acme.till.v1.types import Card, Cash, Payment, PaymentCard, PaymentOtherCard, PaymentVoucher
        card = Card(number="1")
        for method in (PaymentCard(card), Cash(coins=2), PaymentOtherCard(card), PaymentVoucher("v")):
            payment = Payment(method=method)
            assert codec.payment_from_wire(codec.payment_to_wire(payment)) == payment
        print([name for name in dir(types) if name.startswith(("Payment", "Refund"))])
        """,
    )
    assert printed.strip() == str(["Payment", "PaymentCard", "PaymentOtherCard", "PaymentVoucher", "Refund"])


def test_both_edges_refuse_a_required_oneof_that_is_unset_and_name_it(till: Path, python: Run) -> None:
    printed = python(
        till,
        """
        from acme.till.v1 import codec, till_pb2
        from acme.till.v1.types import Cash, PayRequest, Payment, Refund
        from acme_openapi import till
        from aether_adapters.kernel.errors import Malformed
        from aether_adapters.kernel.identity import Identity
        from aether_adapters.rest import Inputs

        def read(body):
            return till._pay_request(
                Inputs(path={}, query={}, header={}, body=body, raw_body=b"", client_address="",
                       identity=Identity(subject="", roles=(), session=""))
            )

        def refused(call, *arguments):
            try:
                call(*arguments)
            except Malformed as error:
                print(error.pointer, error.reason)

        refused(codec.payment_from_wire, till_pb2.Payment().SerializeToString())
        refused(codec.pay_request_from_wire, till_pb2.PayRequest(payment={}, refund={}).SerializeToString())
        refused(read, {"payment": {}, "refund": {}})
        paid = Payment(method=Cash(coins=2))
        assert read({"payment": {"cash": {"coins": 2}}, "refund": {}}) == PayRequest(payment=paid, refund=Refund())
        print(till._pay_reply(paid).body)
        """,
    )
    assert printed.splitlines() == [
        "Payment.method is required",
        "Payment.method is required",
        "/payment holds none of card, cash, otherCard, voucher",
        "{'cash': {'coins': 2}}",
    ]


def test_two_schemas_of_one_message_agree_whether_its_oneof_must_be_set(workspace: Write) -> None:
    [finding] = refusals(
        workspace, f"    Paid:\n      type: object\n{REQUIRED}", "    Paid:\n      type: object\n"
    )
    at = OPENAPI[: OPENAPI.index("Payment:\n      type")].count("\n") + 2
    assert (finding.code, finding.location.file) == ("openapi-oneof", "openapi/till.yaml")
    assert finding.reason == (
        f"acme.till.v1.Payment.method must be set by openapi/till.yaml:{at}:7, but not here."
    )
    assert (
        finding.fix == "Write oneOf over its members here too, or give one of the two a message of its own."
    )


def test_a_required_oneof_that_no_request_may_carry_is_refused(workspace: Write) -> None:
    hidden = MEMBERS.replace(
        "{$ref: '#/components/schemas/Card'}",
        "{type: object, readOnly: true, properties: {number: {type: string}}}",
    ).replace(
        "{$ref: '#/components/schemas/Cash'}",
        "{type: object, readOnly: true, properties: {coins: {type: integer, format: int32}}}",
    )
    hidden = hidden.replace("{type: string}\n", "{type: string, readOnly: true}\n")
    findings = refusals(workspace, f"{REQUIRED}{MEMBERS}    Paid", f"{REQUIRED}{hidden}    Paid")
    assert [(finding.code, finding.reason) for finding in findings] == [
        (
            "openapi-read-only",
            "acme.till.v1.Payment.method must be set, and every member is readOnly, so no request would be valid.",
        )
    ]


def test_contracts_that_share_a_message_agree_whether_its_oneof_must_be_set(workspace: Write) -> None:
    common = """\
        syntax = "proto3";
        package acme.common.v1;
        message Contact { oneof way { string mail = 1; string phone = 2; } }
        """
    proto = """\
        syntax = "proto3";
        package acme.{0}.v1;
        import "acme/common/v1/contact.proto";
        import "aether_adapters/contract/options.proto";
        service ContactService {{
          rpc Put(PutRequest) returns (PutRequest) {{ option (aether_adapters.contract.access) = ACCESS_PUBLIC; }}
        }}
        message PutRequest {{ acme.common.v1.Contact contact = 1; }}
        """
    openapi = """\
        openapi: 3.0.3
        info: {title: Contacts, version: 1.0.0}
        paths:
          /contacts:
            post:
              operationId: put
              security: []
              requestBody:
                required: true
                content: {application/json: {schema: {$ref: '#/components/schemas/Put'}}}
              responses:
                '200':
                  description: Kept.
                  content: {application/json: {schema: {$ref: '#/components/schemas/Put'}}}
        components:
          schemas:
            Put: {type: object, required: [contact], properties: {contact: {$ref: '#/components/schemas/Contact'}}}
            Contact:
              type: object
              ONEOF
              properties: {mail: {type: string}, phone: {type: string}}
        """
    root = workspace(
        {
            "proto/acme/common/v1/contact.proto": common,
            "proto/acme/one/v1/one.proto": proto.format("one"),
            "proto/acme/two/v1/two.proto": proto.format("two"),
            "openapi/one.yaml": openapi.replace("ONEOF", "oneOf: [{required: [mail]}, {required: [phone]}]"),
            "openapi/two.yaml": openapi.replace("ONEOF", "description: Maybe."),
        }
    )
    [finding] = generate(root).findings
    assert (str(finding.location), finding.code) == ("openapi/two.yaml:19:7", "openapi-oneof")
    assert "acme.common.v1.Contact.way must be set by openapi/one.yaml:19:7" in finding.reason
