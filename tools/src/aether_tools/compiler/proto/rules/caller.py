"""Rules of the Caller message, which only the edges fill: its shape, where it may appear, and each method's access."""

from __future__ import annotations

import re
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

_SERVICE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_ANY: Final = "*"
_SHAPE: Final = (
    ("subject", Scalar.STRING, False),
    ("roles", Scalar.STRING, True),
    ("session", Scalar.STRING, False),
)


def check_caller(contracts: Contracts) -> Iterator[Finding]:
    """Yield a finding for each use of the caller that the edges cannot fill, and each unclear access."""
    caller = contracts.messages.get(contracts.caller)
    if caller is not None:
        yield from _shape(contracts, caller)
    requests: set[str] = set()
    for _, service in contracts.services():
        for method in service.methods:
            if isinstance(method.request, MessageRef):
                requests.add(method.request.full_name)
            yield from _access(contracts, method)
            yield from _services(contracts, method)
            yield from _caller_itself(contracts, method)
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
                    contracts,
                    message,
                    field,
                    only_request=message.full_name in requests - responses - inner,
                )
            elif field.name == "caller" and message.full_name in requests:
                yield Finding(
                    field.location,
                    "proto-caller-type",
                    f"{message.python_name}.caller must have the type {contracts.caller}, which the edges fill.",
                    f"Write {contracts.caller} caller = {field.number}; or rename the field.",
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
            f"{contracts.caller} does not have exactly the fields that the edges fill.",
            "Write: string subject = 1; repeated string roles = 2; string session = 3;",
        )


def _placement(
    contracts: Contracts, message: Message, field: Field, *, only_request: bool
) -> Iterator[Finding]:
    if not only_request:
        yield Finding(
            field.location,
            "proto-caller-place",
            f"{message.python_name}.{field.name} holds a Caller, but {message.python_name} is not used only as a "
            "request: roles and session would leave the service, or come in unverified.",
            "Use Caller only in requests; elsewhere declare the value that you need, such as string owner.",
        )
    elif (
        field.name != "caller" or field.repeated or field.map_key is not None or field.optional or field.oneof
    ):
        yield Finding(
            field.location,
            "proto-caller-name",
            f"{message.python_name}.{field.name} holds a Caller, but the edges fill only a plain field named caller.",
            f"Write {contracts.caller} caller = {field.number}; not optional, repeated or in a oneof.",
        )


def _caller_itself(contracts: Contracts, method: Method) -> Iterator[Finding]:
    """Yield a finding if a method's request or response is the Caller message itself."""
    if any(
        isinstance(kind, MessageRef) and kind.full_name == contracts.caller
        for kind in (method.request, method.response)
    ):
        yield Finding(
            method.location,
            "proto-caller-place",
            f"{method.name} takes or returns a Caller itself.",
            "Declare a message for it; a Caller belongs in the caller field of a request.",
        )


def _access(contracts: Contracts, method: Method) -> Iterator[Finding]:
    request = (
        contracts.messages.get(method.request.full_name) if isinstance(method.request, MessageRef) else None
    )
    if isinstance(method.request, MessageRef) and request is None:
        return  # already reported for its file
    has_caller = request is not None and any(is_caller(contracts, field.type) for field in request.fields)
    if not has_caller and method.access is MethodAccess.CALLER:
        yield Finding(
            method.location,
            "proto-access",
            f"{method.name} does not declare who may call it: its request has no Caller.",
            f"Add {contracts.caller} caller to the request, or write "
            "option (aether_adapters.contract.access) = ACCESS_PUBLIC; or ACCESS_SERVICE; in the method.",
        )
    if method.audit and not has_caller:
        yield Finding(
            method.location,
            "proto-audit",
            f"{method.name} is to be recorded in the audit log, but its request has no Caller: nobody could be named.",
            f"Add {contracts.caller} caller to the request, or remove the option aether_adapters.contract.audit.",
        )
    if has_caller and method.access is not MethodAccess.CALLER:
        yield Finding(
            method.location,
            "proto-access",
            f"{method.name} contradicts itself: its request has a Caller, its access is {method.access.value.lower()}.",
            "Remove the option or the caller field.",
        )


def _services(contracts: Contracts, method: Method) -> Iterator[Finding]:
    """Yield a finding for each service in a method's option that makes no sense there."""
    if method.services and method.access is MethodAccess.PUBLIC:
        yield Finding(
            method.location,
            "proto-services",
            f"{method.name} is public, so its services {_listed(method.services)} say nothing.",
            "Remove option (aether_adapters.contract.services), or write ACCESS_SERVICE instead of ACCESS_PUBLIC.",
        )
        return
    domains = {package.domain for package in contracts.packages if package.domain != "common"}
    names = [f"{contracts.workspace}-{domain}" for domain in sorted(domains)]
    for name in sorted(set(method.services)):
        if method.services.count(name) > 1:
            yield _unfit(method, name, "is named twice", "Write it once.")
        if name == _ANY and (len(method.services) > 1 or method.access is MethodAccess.SERVICE):
            reason = (
                "is every service" if method.access is MethodAccess.CALLER else "is what no names mean here"
            )
            yield _unfit(
                method,
                name,
                reason,
                "Name the services, or "
                + ('write only "*".' if method.access is MethodAccess.CALLER else "remove the option."),
            )
        elif name != _ANY and not _SERVICE.fullmatch(name):
            yield _unfit(
                method,
                name,
                "is no name of a service",
                f'Write the name in its tokens, such as "{names[0]}".',
            )
        elif name.startswith(f"{contracts.workspace}-") and name not in names:
            yield _unfit(method, name, "is no domain of this workspace", f"Write one of {', '.join(names)}.")


def _unfit(method: Method, name: str, reason: str, fix: str) -> Finding:
    return Finding(method.location, "proto-services", f"The service {name!r} of {method.name} {reason}.", fix)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, names))
