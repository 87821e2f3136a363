"""Checks that a schema and a message agree on presence: `required`, readOnly and oneOf."""

from __future__ import annotations

from aether_tools.compiler.binding.bindings import MessageMapping
from aether_tools.compiler.binding.json_types import always_written, is_required
from aether_tools.compiler.model.contracts import EnumType, Field
from aether_tools.compiler.openapi.document import Findings, Node
from aether_tools.compiler.openapi.schema import Shape


def never_in_request(
    node: Node, name: str, field: Field, shape: Shape, enums: dict[str, EnumType], findings: Findings
) -> None:
    """Check that a request without this readOnly property is valid."""
    if is_required(field, enums):
        findings.add(
            node,
            "read-only",
            f"{field.name} ({field.location}) cannot be absent, but no request may have {name!r}, which is readOnly.",
            "Mark the proto field `optional`, or declare a separate message for requests.",
        )
    # A validator accepts a missing readOnly property only if the same schema lists it as required.
    listed = shape.required.get(name)
    if (
        listed is None
        or listed.pointer.rpartition("/required/")[0] == node.pointer.rpartition("/properties/")[0]
    ):
        return
    findings.add(
        listed,
        "read-only",
        f"{name!r} is required here and readOnly in another schema, so no request would be valid.",
        "Move it to the `required` of the schema that declares the property.",
    )


def in_request(
    node: Node, name: str, field: Field, sure: bool, enums: dict[str, EnumType], findings: Findings
) -> None:
    """Check that a request must have a field that cannot be absent."""
    if is_required(field, enums) and not sure:
        findings.add(
            node,
            "required",
            f"{field.name} ({field.location}) cannot be absent, but {name!r} is not required.",
            f"Add {name!r} to `required`, or mark the proto field `optional`.",
        )


def in_response(node: Node, name: str, field: Field, shape: Shape, findings: Findings) -> None:
    """Check that a response's `required` lists exactly the properties that are always written."""
    listed = name in shape.required
    branch = any(branch.property == name for branch in shape.branches)
    if always_written(field) and not listed:
        findings.add(
            node,
            "required",
            f"{name!r} is always written, because {field.name} has no presence, but it is not in `required`.",
            f"Add {name!r} to `required`, or mark the proto field `optional`.",
        )
    if not always_written(field) and listed and not branch:
        findings.add(
            shape.required[name],
            "required",
            f"{name!r} is required, but it is omitted if {field.name} ({field.location}) is unset.",
            f"Remove {name!r} from `required`, or remove `optional` from the proto field.",
        )


def exclusive_oneofs(mapping: MessageMapping, shape: Shape, findings: Findings) -> frozenset[str]:
    """Return the oneofs of which the schema's own oneOf allows at most one member.

    Add a finding for a oneOf that does not match a proto oneof.
    """
    if not shape.branches:
        return frozenset()
    members = {field.json_name: field for field in mapping.message.fields if field.oneof is not None}
    oneofs = {members[branch.property].oneof for branch in shape.branches if branch.property in members}
    for branch in shape.branches:
        if branch.property not in members or len(oneofs) > 1:
            findings.add(
                branch.node,
                "oneof",
                f"The branches of a oneOf must be members of one proto oneof of {mapping.message.full_name}; "
                f"{branch.property!r} breaks that.",
                "Write one branch for each member of the same proto oneof.",
            )
    missing = [
        name
        for name, field in members.items()
        if field.oneof in oneofs and name not in [branch.property for branch in shape.branches]
    ]
    if missing:
        findings.add(
            shape.branches[0].node,
            "oneof",
            f"The oneOf omits {', '.join(missing)}.",
            "Add a branch for each member of the proto oneof.",
        )
    return frozenset(name for name in oneofs if name is not None)
