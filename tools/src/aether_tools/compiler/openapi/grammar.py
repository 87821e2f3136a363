"""Validates a document against the OpenAPI 3.0 schema bundled with Connexion, which serves it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, Final

from jsonschema_rs import Draft4Validator, ValidationError
from jsonschema_rs import ValidationErrorKind as _Kind

from aether_tools.compiler.openapi.document import Document, Findings, Node, escape
from aether_tools.finding import Location

_LONGEST: Final = 200
"""Characters of a value or a message that a finding shows."""
_CORRECT: Final = "Correct it by https://spec.openapis.org/oas/v3.0.3."


def check_grammar(document: Document, findings: Findings) -> None:
    """Validate the document against the OpenAPI 3.0 schema bundled with Connexion, which serves it.

    Raises `ContractError` if it is not valid: no other check would be reliable.
    """
    whole = document.root.plain()
    if _validator().is_valid(whole):
        return
    findings.refuse()  # the schema would report an unsupported construct a second time, less clearly
    by_place: dict[tuple[str | int, ...], list[ValidationError]] = {}
    for error in chain.from_iterable(map(_causes, _validator().iter_errors(whole))):
        by_place.setdefault(tuple(error.instance_path), []).append(error)
    for errors in by_place.values():
        _report(errors, document, findings)
    findings.refuse()


def _causes(error: ValidationError) -> Iterator[ValidationError]:
    """Yield what is wrong in the alternative that was meant: not a reference, and the one that fits the furthest."""
    alternatives = [
        list(alternative)
        for alternative in getattr(error.kind, "context", ())
        if not any(getattr(each.kind, "property", "") == "$ref" for each in alternative)
    ]
    if not alternatives:
        yield error
        return
    meant = max(alternatives, key=lambda errors: min(len(each.instance_path) for each in errors))
    values = [each for each in chain(*alternatives) if isinstance(each.kind, _Kind.Enum)]
    if len(values) >= len(alternatives) > 1:
        meant = values  # one value, such as that of `in`, tells the alternatives apart and is none of theirs
    for each in meant:
        yield from _causes(each)


def _report(errors: list[ValidationError], document: Document, findings: Findings) -> None:
    """Add a finding for each error of one value, but one for a keyword that is misspelt and therefore missing too."""
    lacking = {error.kind.property for error in errors if isinstance(error.kind, _Kind.Required)}
    options = [
        option for error in errors if isinstance(error.kind, _Kind.Enum) for option in error.kind.options
    ]
    for error in errors:
        node, kind, what = _place(error, document), error.kind, _what(error)
        if isinstance(kind, _Kind.AdditionalProperties):
            known = _keywords(error)
            for name in kind.unexpected:
                begun = [keyword for keyword in known if keyword.startswith(name)]
                meant = get_close_matches(name, known, 1, 0.7) or begun[:1]
                lacking.difference_update(meant)
                fix = (
                    f"Did you mean `{meant[0]}`?"
                    if meant
                    else f"Remove it, or use one of: {', '.join(known)}."
                )
                _add(node.key(name), f"`{name}` is no keyword of {what}.", fix, findings)
        elif isinstance(kind, _Kind.Enum):
            names = ", ".join(dict.fromkeys(str(option) for option in options))
            _add(node, f"{_shown(error.instance)} is not one of {names}.", "Write one of these.", findings)
        elif isinstance(kind, _Kind.Type):
            types = " or ".join(kind.types)
            _add(
                node,
                f"{_shown(error.instance)} is not of type {types}.",
                f"Write one of type {types}.",
                findings,
            )
        elif not isinstance(kind, _Kind.Required):
            message = error.message if len(error.message) < _LONGEST else f"{error.message[:_LONGEST]}..."
            _add(node, f"{message}.", _CORRECT, findings)
    for error in errors:
        if isinstance(error.kind, _Kind.Required) and error.kind.property in lacking:
            name = error.kind.property
            _add(
                _place(error, document), f"`{name}` of {_what(error)} is missing.", f"Add `{name}`.", findings
            )


def _place(error: ValidationError, document: Document) -> Node:
    node, pointer = document.root, "#"
    for step in error.instance_path:
        pointer = f"{pointer}/{escape(str(step))}"
        node = document.at(pointer) or node
    return node


def _what(error: ValidationError) -> str:
    """Return what the specification calls the value that has the error, with an article."""
    path = [str(step) for step in error.schema_path]
    name = path[1] if path[0] == "definitions" else "Document"
    words = re.sub("(?<=.)(?=[A-Z])", " ", name).lower()
    return f"an {words} object" if words[0] in "aeio" else f"a {words} object"


def _keywords(error: ValidationError) -> list[str]:
    """Return the keywords that an object may have."""
    schema: Any = _grammar()
    for step in list(error.schema_path)[:-1]:
        schema = schema[step]
    return list(schema.get("properties", ()))


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < _LONGEST else f"{text[:_LONGEST]}..."


def _add(at: Node | Location, reason: str, fix: str, findings: Findings) -> None:
    findings.add(at, "grammar", f"This is not valid OpenAPI 3.0: {reason}", fix)


@cache
def _validator() -> Draft4Validator:
    return Draft4Validator(_grammar())


@cache
def _grammar() -> dict[str, Any]:
    found = find_spec("connexion")
    if found is None or found.origin is None:
        raise RuntimeError("connexion is not installed; aether-adapters needs it")
    path = Path(found.origin).parent / "resources" / "schemas" / "v3.0" / "schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
