"""Whether a schema and a message agree on what must be there: `required`, readOnly and oneOf."""

from __future__ import annotations

from aether_tools.compiler.binding.bindings import MessageMapping
from aether_tools.compiler.binding.json_types import always_written, is_required
from aether_tools.compiler.model.contracts import EnumType, Field
from aether_tools.compiler.openapi.document import Findings, Node
from aether_tools.compiler.openapi.schema import Shape


def never_in_request(
    node: Node, name: str, field: Field, shape: Shape, enums: dict[str, EnumType], findings: Findings
) -> None:
    """A request can do without what is readOnly."""
    if is_required(field, enums):
        findings.add(
            node,
            "read-only",
            f"{field.name} ({field.location}) cannot be absent, and no request may carry {name!r}.",
            "Mark the proto field `optional`, or give requests a message of their own.",
        )
    # A validator forgives a missing readOnly property only where one schema says both.
    listed = shape.required.get(name)
    if (
        listed is None
        or listed.pointer.rpartition("/required/")[0] == node.pointer.rpartition("/properties/")[0]
    ):
        return
    findings.add(
        listed,
        "read-only",
        f"{name!r} is required here and readOnly in another schema, so no request could pass.",
        "List it in the `required` beside its `properties`.",
    )


def in_request(
    node: Node, name: str, field: Field, sure: bool, enums: dict[str, EnumType], findings: Findings
) -> None:
    """A field that cannot be absent must be sent."""
    if is_required(field, enums) and not sure:
        findings.add(
            node,
            "required",
            f"{field.name} ({field.location}) cannot be absent, and {name!r} may be left out.",
            f"Add {name!r} to `required`, or mark the proto field `optional`.",
        )


def in_response(node: Node, name: str, field: Field, shape: Shape, findings: Findings) -> None:
    """What is always written must be promised, and only that."""
    listed = name in shape.required
    branch = any(branch.property == name for branch in shape.branches)
    if always_written(field) and not listed:
        findings.add(
            node,
            "required",
            f"{name!r} is always written, for {field.name} has no presence, and is not in `required`.",
            f"Add {name!r} to `required`, or mark the proto field `optional`.",
        )
    if not always_written(field) and listed and not branch:
        findings.add(
            shape.required[name],
            "required",
            f"{name!r} is left out where {field.name} ({field.location}) is unset, and is `required`.",
            f"Take {name!r} out of `required`, or drop `optional` from the proto field.",
        )


def exclusive_oneofs(mapping: MessageMapping, shape: Shape, findings: Findings) -> frozenset[str]:
    """The oneofs of which a schema's own oneOf admits one member; refuses a oneOf that is no proto oneof."""
    if not shape.branches:
        return frozenset()
    members = {field.json_name: field for field in mapping.message.fields if field.oneof is not None}
    oneofs = {members[branch.property].oneof for branch in shape.branches if branch.property in members}
    for branch in shape.branches:
        if branch.property not in members or len(oneofs) > 1:
            findings.add(
                branch.node,
                "oneof",
                f"{branch.property!r} is no member of one oneof of {mapping.message.full_name}.",
                "Let each branch require one member of the same proto oneof.",
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
            f"The oneOf leaves out {', '.join(missing)}.",
            "Add a branch for each member of the proto oneof.",
        )
    return frozenset(name for name in oneofs if name is not None)
