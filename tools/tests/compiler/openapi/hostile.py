"""Hostile text, and the places of a contract that it is put in."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

RUN = "__import__('builtins').__dict__.__setitem__('CANARY', 1)"
"""Code that leaves a trace if it is ever run."""

TEXTS = (
    f'x" if not {RUN} else "y',
    f"x' if not {RUN} else 'y",
    f'"\n{RUN}\n"',
    f'"""\n{RUN}\n"""',
    f"'''\n{RUN}\n'''",
    f"{{{RUN}}}",
    f"{{{{{RUN}}}}}",
    f"\\\n{RUN}",
    f"#\r{RUN}",
    f'" % {RUN} #',
    f"\x0c\x0b\u2028\u2029\x85{RUN}",
    f'"), {RUN}, ("',
    "\\",
    '\\"',
    "\\'",
    '"',
    "'",
    '""""',
    "''''",
    '\\"""',
    "{",
    "}",
    "{}",
    "{0}",
    "%s%d%",
    "%%",
    "${x}",
    "$(touch x)",
    "`x`",
    "\\N{DIGIT ONE}",
    "\\x00",
    "\\u0041",
    "a\x00b",
    "\x1b[31m",
    "\u202eesrever",
    "\u200b",
    "\ufeff",
    "\ufb01le",
    "\U0001f600",
    "\u0130\u0131",
    " leading",
    "trailing ",
    "\ttab",
    "a\nb\n\n  c",
    "~1~0/%2F",
    "x" * 200,
    "<script>alert(1)</script>",
    "*/ -->",
    "---\n- a",
    "&a *a !!x",
    "None",
    "",
)

WORST = (
    TEXTS[0],
    TEXTS[3],
    TEXTS[5],
    TEXTS[8],
    TEXTS[10],
    "\\",
    '"',
    "{",
    "}",
    "~1~0/%2F",
    "a\x00b",
    "\u202eesrever",
    "",
)
"""Texts that tell the ways of writing a literal apart."""

Step = Callable[[dict[str, Any], random.Random], None]


def hostile(contract: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return a copy of a contract with hostile text at one to three places."""
    document = copy.deepcopy(contract)
    for step in sorted(chance.sample(range(len(STEPS)), chance.randint(1, 3))):
        STEPS[step](document, chance)
    return document


def _text(chance: random.Random) -> str:
    return "".join(chance.choice(TEXTS) for _ in range(chance.choice((1, 1, 1, 2))))


def _nodes(value: Any) -> Iterator[Any]:
    """Yield every mapping and list of a document."""
    if isinstance(value, dict | list):
        yield value
        for child in value.values() if isinstance(value, dict) else value:
            yield from _nodes(child)


def _described(document: dict[str, Any], chance: random.Random) -> None:
    """Document something: an annotation changes nothing that is served."""
    nodes = [node for node in _nodes(document) if isinstance(node, dict) and "$ref" not in node]
    word = chance.choice(("description", "summary", "title", "x-note", "example"))
    chance.choice(nodes)[word] = _text(chance)


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        operation
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "operationId" in operation
    ]


def _documented(document: dict[str, Any], chance: random.Random) -> None:
    operation = chance.choice(_operations(document))
    operation[chance.choice(("summary", "description"))] = _text(chance)


def _renamed_property(document: dict[str, Any], chance: random.Random) -> None:
    """Give a property another name, bound to the same field."""
    schemas = [each for each in document["components"]["schemas"].values() if "properties" in each]
    schema = chance.choice(schemas)
    old = chance.choice(list(schema["properties"]))
    new, value = _text(chance), schema["properties"].pop(old)
    field = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in old)
    schema["properties"][new] = (
        {"allOf": [value], "x-field": field} if "$ref" in value else {"x-field": field} | value
    )
    if old in schema.get("required", ()):
        schema["required"] = [new if name == old else name for name in schema["required"]]


def _renamed_parameter(document: dict[str, Any], chance: random.Random) -> None:
    parameters = [each for operation in _operations(document) for each in operation.get("parameters", ())]
    parameter = chance.choice([each for each in parameters if each["in"] == "query"])
    parameter.setdefault("x-field", parameter["name"])
    parameter["name"] = _text(chance)


def _scoped(document: dict[str, Any], chance: random.Random) -> None:
    chance.choice(_operations(document))["security"] = [{"bearer": ["things.read", _text(chance)]}]


def _defaulted(document: dict[str, Any], chance: random.Random) -> None:
    parameters = document["paths"]["/shelves/{shelf}/things/{parts}"]["get"]["parameters"]
    body = document["paths"]["/targets/{shelf}"]["put"]["requestBody"]["content"]["application/json"]
    if chance.random() < 0.5 and "reason" in body["schema"]["properties"]:
        body["schema"]["properties"]["reason"]["default"] = _text(chance)
    else:
        parameters[1]["schema"]["default"] = [_text(chance), _text(chance)]


def _sent(document: dict[str, Any], chance: random.Random) -> None:
    """Write a header's template, or its name."""
    answers = document["paths"]["/jobs"]["post"]["responses"]
    headers = chance.choice((answers["201"], answers["202"]))["headers"]
    if chance.random() < 0.8:
        headers["Location"]["x-from"] = f"/v1/{_text(chance)}/{{version}}/{{slug}}"
    else:
        headers[_text(chance)] = headers.pop("Location")


def _anything(document: dict[str, Any], chance: random.Random) -> None:
    """Replace or extend any text or key."""
    node = chance.choice([node for node in _nodes(document) if node])
    key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
    if isinstance(node, dict) and chance.random() < 0.5:
        node[_text(chance)] = node.pop(key)
    elif isinstance(node[key], str):
        node[key] = chance.choice(("", node[key])) + _text(chance)


STEPS: tuple[Step, ...] = (
    _renamed_property,
    _renamed_parameter,
    _scoped,
    _defaulted,
    _sent,
    _documented,
    _described,
    _anything,  # last, because it may leave nothing that the others look for
)
