"""Converts contract names to Python names and lists the reserved ones."""

from __future__ import annotations

import keyword
import re
from typing import Final

DOMAIN: Final = re.compile(r"[a-z][a-z0-9_]*")
"""Valid names of a domain and of a contract file."""

RESERVED_DOMAINS: Final = frozenset({"adapters", "tools", "proto", "openapi", "common"})

RESERVED_EDGE_NAMES: Final = frozenset(
    ["Access", "Any", "CONTRACT", "Criticality", "Final", "Inputs", "Malformed", "Operation", "Path", "Reply"]
)
"""Names that every generated REST edge imports; no shared type may have one of them."""

_BOUNDARY: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_MODULE_NAMES: Final = frozenset(
    {
        *(
            "Access",
            "AsyncChannel",
            "Awaitable",
            "Bound",
            "Channel",
            "ClassVar",
            "Codec",
            "Criticality",
            "Enum",
            "Event",
        ),
        *("Final", "METHODS", "Mapping", "Method", "NOBODY", "Offload", "Protocol", "Service", "TOPIC"),
        "fill_slots",
    }
)
"""Names that generated modules import or define themselves."""

_BUILTINS: Final = frozenset({"bool", "bytes", "dict", "float", "int", "object", "str", "tuple"})

_FIELDS: Final = (
    frozenset({"TYPE", "dataclass", "datetime", "field", "timedelta"}) | _BUILTINS | _MODULE_NAMES
)
"""Names that annotations use; an attribute with one of them would shadow it inside its class."""


def snake(name: str) -> str:
    """Convert to snake case: `CloseInvoice` -> `close_invoice`, `HTTPCall` -> `http_call`."""
    return _BOUNDARY.sub("_", name).lower()


def pascal(name: str) -> str:
    """Convert to pascal case: `credit_card` -> `CreditCard`."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def class_name(path: str) -> str:
    """Return the class of a message or enum, given its name within its package: `Invoice.Line` -> `InvoiceLine`.

    A reserved name gets a trailing underscore, as does one that begins with a small letter: modules, functions and
    variables of generated code have such names.
    """
    name = path.replace(".", "")
    return f"{name}_" if name in _MODULE_NAMES or not name[:1].isupper() or keyword.iskeyword(name) else name


def field_name(name: str) -> str:
    """Return the attribute of a field. A reserved name gets a trailing underscore."""
    return f"{name}_" if name in _FIELDS or keyword.iskeyword(name) else name


def member_name(enum: str, name: str) -> str:
    """Return an enum member's Python name, without the enum's prefix: `INVOICE_STATUS_OPEN` -> `OPEN`.

    Keep the prefix if the rest is not an identifier. A reserved name gets a trailing underscore.
    """
    short = name.removeprefix(f"{snake(enum).upper()}_")
    if short.startswith("_") or not short.isidentifier() or keyword.iskeyword(short):
        short = name
    return f"{short}_" if short in ("mro", "name", "value") or keyword.iskeyword(short) else short


def method_name(name: str) -> str:
    """Return the attribute of an operation. Its constant in grpc.py is the same name in upper case."""
    attribute = snake(name)
    return f"{attribute}_" if attribute == "methods" or keyword.iskeyword(attribute) else attribute
