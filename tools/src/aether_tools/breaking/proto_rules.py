"""Why a change of a proto file breaks clients, and what to do instead, by buf's rule.

Source: https://buf.build/docs/breaking/rules/
"""

from __future__ import annotations

from typing import Final

_RESERVE: Final = "Keep it with option deprecated = true; or remove it in a new package version."
_NEW: Final = "Keep it as it was, and add a new one beside it with a new name and number."
_WHY: Final = (
    ("PACKAGE_NO_DELETE", "Every call of its services fails.", "Keep the package until nobody calls it."),
    ("PACKAGE_MESSAGE_NO_DELETE", "Code of clients that use it does not compile.", _RESERVE),
    ("PACKAGE_ENUM_NO_DELETE", "Code of clients that use it does not compile.", _RESERVE),
    ("PACKAGE_SERVICE_NO_DELETE", "Every call of it fails.", _RESERVE),
    ("PACKAGE_EXTENSION_NO_DELETE", "Code of clients that use it does not compile.", _RESERVE),
    (
        "FILE_NO_DELETE",
        "Generated code of languages with a module for each file moves; messages on the wire stay the same.",
        "Leave it where it was, or tell teams that generate clients.",
    ),
    (
        "RPC_NO_DELETE",
        "Calls of it get UNIMPLEMENTED.",
        "Keep it with option deprecated = true, and answer it until nobody calls it.",
    ),
    ("FIELD_NO_DELETE", "Old clients still send it, and read its zero.", _RESERVE),
    ("ENUM_VALUE_NO_DELETE", "Old clients still send it, and code that names it does not compile.", _RESERVE),
    ("ONEOF_NO_DELETE", "Code that asks which field is set does not compile.", "Keep the oneof."),
    ("EXTENSION_MESSAGE_NO_DELETE", "Extensions in this range cannot be read.", "Keep the range."),
    ("RESERVED_", "A number or name that old messages used could be given away again.", "Keep it reserved."),
    ("_NO_DELETE", "Generated code of languages with a module for each file moves.", "Leave it in its file."),
    (
        "ENUM_SAME_TYPE",
        "A closed enum refuses or drops values that an open one keeps.",
        "Keep the syntax or feature.",
    ),
    ("FIELD_SAME_TYPE", "Old clients read the bytes as the old type.", _NEW),
    ("_SAME_JSON_FORMAT", "JSON of the old clients is refused.", "Keep the json_format."),
    ("FIELD_SAME_JSTYPE", "Code of JavaScript clients gets another type.", "Keep the jstype."),
    ("CPP_STRING_TYPE", "Code of C++ clients gets another type.", "Keep the ctype."),
    ("UTF8_VALIDATION", "Strings that one side accepts are refused by the other.", "Keep the option."),
    (
        "DESCRIPTOR_ACCESSOR",
        "Code of C++ clients that asks for the descriptor does not compile.",
        "Keep the option.",
    ),
    ("WIRE_COMPATIBLE_TYPE", "Old clients read the bytes as the old type.", _NEW),
    ("WIRE_JSON_COMPATIBLE_TYPE", "Old clients read the value as the old type.", _NEW),
    (
        "_CARDINALITY",
        "Old clients read one value where many are, or tell absent from zero differently.",
        _NEW,
    ),
    ("_SAME_LABEL", "Old clients read one value where many are.", _NEW),
    (
        "_SAME_ONEOF",
        "Setting one field clears others that clients set together.",
        "Leave the field where it is.",
    ),
    ("_SAME_NAME", "JSON has the name, and code of clients does too.", _NEW),
    ("_SAME_JSON_NAME", "JSON has the old name.", "Keep the json_name."),
    ("_SAME_DEFAULT", "Clients that leave it out mean something else.", "Keep the default."),
    ("RPC_SAME_IDEMPOTENCY", "Clients and proxies repeat calls by it.", "Keep the idempotency_level."),
    ("RPC_SAME_", "Old clients send and read the old messages.", "Add a new rpc beside it."),
    (
        "MESSAGE_SAME_REQUIRED_FIELDS",
        "A message without the field cannot be read.",
        "Never add or remove a required field.",
    ),
    ("FILE_SAME_PACKAGE", "Every name in the file changes, on the wire too.", "Keep the package."),
    ("FILE_SAME_SYNTAX", "Absent fields and unknown values are read differently.", "Keep the syntax."),
    ("FILE_SAME_", "Generated code of one language moves.", "Keep the option."),
)
"""Rule or a part of its name, reason and fix; the first that fits."""

UNKNOWN: Final = ("Clients that follow the old contract fail.", "Keep it as it was.")
"""What is said of a rule that a later buf adds."""

EVENTS: Final = {
    "event-removed": (
        "Consumers wait for this type of event, and messages in the topic still have it.",
        "Keep publishing it beside its successor until no domain handles it.",
    ),
    "event-moved": (
        "The topic and the type of every event in the file are named after the package.",
        "Keep the package; publish new versions in a package beside it.",
    ),
    "event-changed": (
        "Consumers read new messages by the old contract, and old messages of the topic by the new one.",
        "Add a field with a new number and leave this one, or publish a new event beside it.",
    ),
}


def reason_and_fix(code: str, rule: str) -> tuple[str, str]:
    """Return why a change breaks clients, and what to do instead."""
    if code in EVENTS:
        return EVENTS[code]
    for part, why, fix in _WHY:
        if part in rule:
            return why, fix
    return UNKNOWN
