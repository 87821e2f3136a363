"""Checks the keys that begin with x-: the compiler's own, and those that look as if they had an effect."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from aether_tools.compiler.openapi.document import Findings, Node
from aether_tools.compiler.openapi.operations import METHODS

_OWN: Final = ("x-rpc", "x-field", "x-from", "x-inputs", "x-criticality")
_LIMITS: Final = "Limit callers with the settings USER_RATE and ADDRESS_RATE, one operation in container.py."
_ACCESS: Final = "Say who may call in the proto method, with the options of aether_adapters.contract."
_SCOPES: Final = "Write security: [{bearer: [<scope>]}]."
_TIME: Final = "Set DEADLINE_SECONDS for the service."
_CACHE: Final = "Declare the response header Cache-Control."
_REPEAT: Final = "Write option idempotency_level = IDEMPOTENT in the proto method."
_INSTEAD: Final = {
    "cors": "Set CORS_ORIGINS for the whole API.",
    "rate-limit": _LIMITS,
    "ratelimit": _LIMITS,
    "throttle": _LIMITS,
    "throttling": _LIMITS,
    "quota": _LIMITS,
    "auth": _ACCESS,
    "authorization": _ACCESS,
    "access": _ACCESS,
    "public": _ACCESS,
    "roles": _ACCESS,
    "permissions": _ACCESS,
    "scopes": _SCOPES,
    "timeout": _TIME,
    "deadline": _TIME,
    "cache": _CACHE,
    "cache-control": _CACHE,
    "idempotent": _REPEAT,
    "idempotency": _REPEAT,
    "retry": _REPEAT,
    "retries": _REPEAT,
    "audit": "Write option (aether_adapters.contract.audit) = true in the proto method.",
    "priority": "Write x-criticality.",
    "body-limit": "Set BODY_LIMIT for the service.",
    "max-body-size": "Set BODY_LIMIT for the service.",
}
"""What people expect from a gateway or from Aether, without the x-, and what has that effect here."""
_AETHER: Final = "x-aether"


def check_extensions(node: Node, findings: Findings) -> None:
    """Check the types of the compiler's own keys: one of the wrong type would be ignored."""
    for name in ("x-rpc", "x-field", "x-from"):
        value = node.get(name)
        if value is not None and (not isinstance(value.scalar, str) or not value.scalar):
            findings.add(value, "extension", f"{name} must be a string.", f"Write {name}: <text>.")
    inputs = node.get("x-inputs")
    if inputs is not None and inputs.sequence is None:
        findings.add(
            inputs,
            "extension",
            "x-inputs must be a list.",
            "Write x-inputs: [{source: raw-body, x-field: <proto name>}].",
        )


def check_effect(root: Node, findings: Findings) -> None:
    """Refuse keys of the document, its paths and operations that ask for something and have no effect.

    Keys of other tools are left alone: x-amazon-apigateway-integration, x-kong-name, x-codeSamples.
    """
    for node in _places(root):
        for name, _ in node.items():
            fix = _instead(name)
            if fix is not None:
                findings.add(node.key(name), "extension", f"{name} has no effect.", f"Remove it. {fix}")


def _instead(name: str) -> str | None:
    """Return what has the effect that `name` seems to have; None for Aether's own and for those of other tools."""
    plain = name.lower().replace("_", "-")
    if not plain.startswith("x-") or name in _OWN:
        return None
    known = _INSTEAD.get(plain.removeprefix("x-"))
    if known is not None:
        return known
    for meant in get_close_matches(plain, _OWN, 1, 0.8):
        return f"Did you mean {meant}?"
    if plain.startswith(_AETHER):
        return f"Aether has {', '.join(_OWN)}."
    return None


def _places(root: Node) -> Iterator[Node]:
    yield root
    paths = root.get("paths")
    if paths is None:
        return
    yield paths
    for path, item in paths.items():
        if path.startswith("x-"):
            continue
        yield item
        for method in METHODS:
            operation = item.get(method)
            if operation is not None:
                yield operation
