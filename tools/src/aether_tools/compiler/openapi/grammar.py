"""Validates a document against the OpenAPI 3.0 schema bundled with Connexion, which serves it."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from jsonschema_rs import Draft4Validator

from aether_tools.compiler.openapi.document import Document, Findings, escape


def check_grammar(document: Document, findings: Findings) -> None:
    """Validate the document against the OpenAPI 3.0 schema bundled with Connexion, which serves it.

    Raises `ContractError` if it is not valid: no other check would be reliable.
    """
    whole = document.root.plain()
    if _validator().is_valid(whole):
        return
    findings.refuse()  # the schema would report an unsupported construct a second time, less clearly
    for error in _validator().iter_errors(whole):
        node, pointer = document.root, "#"
        for step in error.instance_path:
            pointer = f"{pointer}/{escape(str(step))}"
            node = document.at(pointer) or node
        message = error.message if len(error.message) < 200 else f"{error.message[:200]}..."
        findings.add(
            node,
            "grammar",
            f"This is not valid OpenAPI 3.0: {message}.",
            "Correct it by https://spec.openapis.org/oas/v3.0.3.",
        )
    findings.refuse()


@cache
def _validator() -> Draft4Validator:
    found = find_spec("connexion")
    if found is None or found.origin is None:
        raise RuntimeError("connexion is not installed; aether-adapters needs it")
    path = Path(found.origin).parent / "resources" / "schemas" / "v3.0" / "schema.json"
    return Draft4Validator(json.loads(path.read_text(encoding="utf-8")))
