"""How names of a contract become names of Python, and which of them Python keeps for itself."""

from __future__ import annotations

import keyword
import re
from typing import Final

DOMAIN: Final = re.compile(r"[a-z][a-z0-9_]*")
"""What a domain, and the file of a contract, may be called."""

RESERVED_DOMAINS: Final = frozenset({"adapters", "tools", "proto", "openapi", "common"})

RESERVED_EDGE_NAMES: Final = frozenset(
    ["Access", "Any", "Final", "Inputs", "Malformed", "Operation", "Path", "Reply"]
)
"""Names that every generated REST edge imports, so no shared type may have one."""

_BOUNDARY: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_CLASSES: Final = frozenset(
    {
        *("Access", "AsyncChannel", "Awaitable", "Bound", "Channel", "ClassVar", "Codec", "Enum", "Event"),
        *("Final", "METHODS", "Mapping", "Method", "NOBODY", "Offload", "Protocol", "Service", "TOPIC"),
        "fill_slots",
    }
)
"""What generated modules import, or define, themselves."""

_BUILTINS: Final = frozenset({"bool", "bytes", "dict", "float", "int", "object", "str", "tuple"})

_FIELDS: Final = frozenset({"TYPE", "dataclass", "datetime", "field", "timedelta"}) | _BUILTINS | _CLASSES
"""A field of one of these names would hide, inside its class, what the annotations below it mean."""


def snake(name: str) -> str:
    """`CloseInvoice` -> `close_invoice`, `HTTPCall` -> `http_call`."""
    return _BOUNDARY.sub("_", name).lower()


def pascal(name: str) -> str:
    """`credit_card` -> `CreditCard`."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def class_name(path: str) -> str:
    """The class of a message or enum, given its name within its package: `Invoice.Line` -> `InvoiceLine`."""
    name = path.replace(".", "")
    return f"{name}_" if name in _CLASSES or name in _BUILTINS or keyword.iskeyword(name) else name


def field_name(name: str) -> str:
    """The attribute of a field; one that Python needs for itself gets a trailing underscore."""
    return f"{name}_" if name in _FIELDS or keyword.iskeyword(name) else name


def member_name(enum: str, name: str) -> str:
    """The member of an enum without the enum's prefix: `INVOICE_STATUS_OPEN` -> `OPEN`.

    What would not be an identifier keeps its full name.
    """
    short = name.removeprefix(f"{snake(enum).upper()}_")
    if short.startswith("_") or not short.isidentifier() or keyword.iskeyword(short):
        short = name
    return f"{short}_" if short in ("mro", "name", "value") or keyword.iskeyword(short) else short


def method_name(name: str) -> str:
    """The attribute of an operation; its constant in grpc.py is the same in upper case."""
    attribute = snake(name)
    return f"{attribute}_" if attribute == "methods" or keyword.iskeyword(attribute) else attribute
