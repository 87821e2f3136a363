"""The caller is filled by the edges alone: where a contract may speak of it, and what it must say where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aether_tools.compiler.model.contracts import (
    Contracts,
    Field,
    Message,
    MessageRef,
    Method,
    MethodAccess,
    Scalar,
)
from aether_tools.compiler.model.derived import is_caller
from aether_tools.finding import Finding

_SHAPE: Final = (
    ("subject", Scalar.STRING, False),
    ("roles", Scalar.STRING, True),
    ("session", Scalar.STRING, False),
)


def check_caller(contracts: Contracts) -> Iterator[Finding]:
    """Every place where a contract says something else of the caller than the edges can keep."""
    caller = contracts.messages.get(contracts.caller)
    if caller is not None:
        yield from _shape(contracts, caller)
    requests: set[str] = set()
    for _, service in contracts.services():
        for method in service.methods:
            if isinstance(method.request, MessageRef):
                requests.add(method.request.full_name)
            yield from _access(contracts, method)
            yield from _direct(contracts, method)
    inner = {
        field.type.full_name
        for message in contracts.messages.values()
        for field in message.fields
        if isinstance(field.type, MessageRef)
    }
    responses = {
        method.response.full_name
        for _, service in contracts.services()
        for method in service.methods
        if isinstance(method.response, MessageRef)
    }
    for message in contracts.messages.values():
        for field in message.fields:
            if is_caller(contracts, field.type):
                yield from _placement(
                    message,
                    field,
                    only_request=message.full_name in requests - responses - inner,
                )
            elif field.name == "caller" and message.full_name in requests:
                yield Finding(
                    field.location,
                    "proto-caller-type",
                    f"{message.python_name}.caller is no {contracts.caller}, which the edges fill.",
                    f"Write {contracts.caller} caller = {field.number}; or give the field another name.",
                )


def _shape(contracts: Contracts, caller: Message) -> Iterator[Finding]:
    shape = tuple((field.name, field.type, field.repeated) for field in caller.fields)
    plain = all(
        not field.optional and field.oneof is None and field.map_key is None for field in caller.fields
    )
    if sorted(shape, key=str) != sorted(_SHAPE, key=str) or not plain:
        yield Finding(
            caller.location,
            "proto-caller-shape",
            f"{contracts.caller} is not what the edges fill.",
            "Write: string subject = 1; repeated string roles = 2; string session = 3;",
        )


def _placement(message: Message, field: Field, *, only_request: bool) -> Iterator[Finding]:
    if not only_request:
        yield Finding(
            field.location,
            "proto-caller-place",
            f"{message.python_name}.{field.name} holds a Caller, but is not only a method's request: "
            "roles and session would leave the service, or come in unverified.",
            "Keep the Caller to requests; elsewhere name what is meant, such as string owner.",
        )
    elif (
        field.name != "caller" or field.repeated or field.map_key is not None or field.optional or field.oneof
    ):
        yield Finding(
            field.location,
            "proto-caller-name",
            f"{message.python_name}.{field.name} is not the one plain field that the edges fill.",
            f"Write Caller caller = {field.number}; with its full name, neither optional, repeated nor in a oneof.",
        )


def _direct(contracts: Contracts, method: Method) -> Iterator[Finding]:
    """A Caller as a whole request or response."""
    if any(
        isinstance(kind, MessageRef) and kind.full_name == contracts.caller
        for kind in (method.request, method.response)
    ):
        yield Finding(
            method.location,
            "proto-caller-place",
            f"{method.name} takes or returns a Caller itself.",
            "Give it a message of its own; a request's caller field is where a Caller stands.",
        )


def _access(contracts: Contracts, method: Method) -> Iterator[Finding]:
    request = (
        contracts.messages.get(method.request.full_name) if isinstance(method.request, MessageRef) else None
    )
    if isinstance(method.request, MessageRef) and request is None:
        return  # its file is refused already
    knows = request is not None and any(is_caller(contracts, field.type) for field in request.fields)
    if not knows and method.access is MethodAccess.CALLER:
        yield Finding(
            method.location,
            "proto-access",
            f"Nothing says who may call {method.name}: its request has no Caller.",
            f"Add {contracts.caller} caller to the request, or say "
            "option (aether_adapters.contract.access) = ACCESS_PUBLIC; or ACCESS_SERVICE; in the method.",
        )
    if knows and method.access is not MethodAccess.CALLER:
        yield Finding(
            method.location,
            "proto-access",
            f"{method.name} says two things: its request has a Caller, its option says {method.access.value.lower()}.",
            "Remove the option, or the caller field.",
        )
