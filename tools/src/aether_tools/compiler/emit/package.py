"""Writes everything that is generated from proto contracts, as paths below proto/gen and their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from aether_tools.compiler.emit.codec import write_codec
from aether_tools.compiler.emit.events import events_of, write_events
from aether_tools.compiler.emit.grpc import write_grpc
from aether_tools.compiler.emit.port import write_port, write_threads
from aether_tools.compiler.emit.slots import write_slots
from aether_tools.compiler.emit.types import write_types
from aether_tools.compiler.model.contracts import Contracts, Package
from aether_tools.compiler.model.derived import uses_empty


def write_proto(contracts: Contracts) -> dict[str, bytes]:
    """The modules of every package, and the one they share."""
    if not contracts.packages:
        return {}
    return write_slots(contracts) | {
        f"{package.name.replace('.', '/')}/{name}": content
        for package in contracts.packages
        for name, content in _modules(contracts, package)
    }


def _modules(contracts: Contracts, package: Package) -> Iterator[tuple[str, bytes]]:
    yield "py.typed", b""
    if any(not file.endswith("/events.proto") for file in package.files) or uses_empty(package):
        yield "types.py", write_types(contracts, package)
        yield "codec.py", write_codec(contracts, package)
    if package.service is not None:
        yield "port.py", write_port(contracts, package, package.service)
        yield "threads.py", write_threads(contracts, package, package.service)
        yield "grpc.py", write_grpc(contracts, package, package.service)
    if events_of(package):
        yield "events.py", write_events(contracts, package)
