"""Functions of a generated REST edge never share a name, whatever the contract calls its oneofs and messages."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from pathlib import Path

from aether_tools.compiler.pipeline import generate

Write = Callable[[Mapping[str, str]], Path]

PROTO = """\
syntax = "proto3";
package acme.post.v1;
import "aether_adapters/contract/options.proto";
service PostService {
  rpc Send(Letter) returns (Letter) { option (aether_adapters.contract.access) = ACCESS_PUBLIC; }
  rpc SendKind(LetterKind) returns (LetterKind) { option (aether_adapters.contract.access) = ACCESS_PUBLIC; }
  rpc Keep(Box) returns (Box) { option (aether_adapters.contract.access) = ACCESS_PUBLIC; }
}
message Letter { oneof request { string text = 1; int32 number = 2; } oneof reply { bool yes = 3; bool no = 4; } }
message LetterKind { oneof request { string text = 1; int32 number = 2; } }
message Box { Inner inner = 1; InnerKind other = 2; }
message Inner { oneof kind { string text = 1; int32 number = 2; } }
message InnerKind { oneof kind { string text = 1; int32 number = 2; } }
"""

CHOICE = "text: {type: string}, number: {type: integer, format: int32}"
CONTRACT = f"""\
openapi: 3.0.3
info: {{title: Post, version: 1.0.0}}
paths:
  /letters: {{post: {{operationId: send, requestBody: &letter {{required: true, content: &l {{application/json: {{schema: {{$ref: '#/components/schemas/Letter'}}}}}}}}, responses: {{'200': {{description: x, content: *l}}}}}}}}
  /kinds: {{post: {{operationId: sendKind, requestBody: {{required: true, content: &k {{application/json: {{schema: {{$ref: '#/components/schemas/LetterKind'}}}}}}}}, responses: {{'200': {{description: x, content: *k}}}}}}}}
  /boxes: {{post: {{operationId: keep, requestBody: {{required: true, content: &b {{application/json: {{schema: {{$ref: '#/components/schemas/Box'}}}}}}}}, responses: {{'200': {{description: x, content: *b}}}}}}}}
components:
  schemas:
    Letter: {{type: object, properties: {{{CHOICE}, 'yes': {{type: boolean}}, 'no': {{type: boolean}}}}}}
    LetterKind: {{type: object, properties: {{{CHOICE}}}}}
    Box: {{type: object, required: [inner, other], properties: {{inner: {{$ref: '#/components/schemas/Inner'}}, other: {{$ref: '#/components/schemas/InnerKind'}}}}}}
    Inner: {{type: object, properties: {{{CHOICE}}}}}
    InnerKind: {{type: object, properties: {{{CHOICE}}}}}
"""


def test_a_oneof_may_be_called_as_a_function_of_the_edge(workspace: Write) -> None:
    root = workspace({"proto/acme/post/v1/post.proto": PROTO, "openapi/post.yaml": CONTRACT})
    assert generate(root).findings == ()
    module = ast.parse((root / "openapi/gen/acme_openapi/post.py").read_bytes())
    functions = [node.name for node in module.body if isinstance(node, ast.FunctionDef)]
    assert len(functions) == len(set(functions))
    assert {"_send_request", "_send_request_2", "_read_inner_kind", "_read_inner_kind_2"} <= set(functions)
