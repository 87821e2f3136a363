"""Reads the contracts of a workspace as the checks of contracts need them: each domain's documents, bound to its methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aether_tools.compiler.binding.bindings import Binding, Operation, RequestMapping
from aether_tools.compiler.binding.operations import bind
from aether_tools.compiler.compilation import Compiled
from aether_tools.compiler.model.contracts import Contracts, Method, Package
from aether_tools.compiler.openapi.bundle import load
from aether_tools.compiler.openapi.document import Document, Findings, Node
from aether_tools.compiler.openapi.operations import Operations, OperationSpec
from aether_tools.compiler.openapi.schema import Schemas
from aether_tools.compiler.openapi.structure import structure
from aether_tools.compiler.proto import front_end
from aether_tools.finding import ContractError, Location

SECTIONS: Final = ("schemas", "parameters", "headers", "responses", "requestBodies")
"""Kinds of components that a contract may refer to."""


@dataclass(frozen=True, slots=True, eq=False)
class BoundOperation:
    """An operation of a document and its method. Compared by identity, because its mapping is mutable."""

    spec: OperationSpec
    method: Method
    request: RequestMapping
    raw_body: bool

    @property
    def name(self) -> str:
        """How findings call it: verb and path."""
        return f"{self.spec.verb.upper()} {self.spec.path}"

    @property
    def secured(self) -> bool:
        """Whether callers need a token."""
        return self.spec.security is not None and any(self.spec.security.elements())


@dataclass(frozen=True, slots=True)
class Contract:
    """The contracts of one domain, without faults."""

    contracts: Contracts
    package: Package
    document: Document
    binding: Binding
    operations: tuple[BoundOperation, ...]
    schemas: Schemas
    _keys: dict[Node, Location] = field(default_factory=dict)
    _parts: list[Node] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The OpenAPI file, relative to the workspace."""
        return self.document.root.location.file

    def place(self, node: Node) -> Location:
        """Return where a value begins: at its key, if it has one."""
        if not self._keys:
            for each in self.document.root.walk():
                for name, child in each.items():
                    self._keys.setdefault(child, each.key(name))
        return self._keys.get(node, node.location)

    def own(self, nodes: Iterable[tuple[str, Node]]) -> Iterator[tuple[str, Node]]:
        """Yield the named nodes that the contract itself declares, without those of `common.yaml`."""
        return ((name, node) for name, node in nodes if node.location.file == self.file)

    def components(self, section: str) -> Iterator[tuple[str, Node]]:
        """Yield the contract's own components of a section, by name."""
        components = self.document.root.get("components")
        return self.own(() if components is None else components.entries(section))

    def parts(self) -> Iterator[Node]:
        """Yield each part of the document that OpenAPI gives a meaning, also those of `common.yaml` that it takes."""
        if not self._parts:
            self._parts.extend(structure(self.document.root))
        return iter(self._parts)

    def request_schemas(self) -> Iterator[tuple[Node, BoundOperation]]:
        """Yield each schema, at any depth, that describes what a caller sends, once."""
        seen: set[Node] = set()
        for operation in self.operations:
            if operation.raw_body:
                continue
            roots = [parameter.schema for parameter in operation.spec.parameters]
            if operation.spec.body is not None and operation.spec.body.schema is not None:
                roots.append(operation.spec.body.schema)
            for root in roots:
                for node in self.schema_tree(root, seen):
                    yield node, operation

    def response_schemas(self) -> set[Node]:
        """Return each schema, at any depth, that describes what the service answers."""
        seen: set[Node] = set()
        for operation in self.operations:
            for response in operation.spec.responses:
                root = None if response.media is None else response.media.get("schema")
                if root is not None:
                    list(self.schema_tree(root, seen))
        return seen

    def schema_tree(self, root: Node, seen: set[Node]) -> Iterator[Node]:
        """Yield a schema and those in it, without references and those in `seen`."""
        waiting = [root]
        while waiting:
            node = self.document.resolve(waiting.pop())
            if node is None or node in seen or node.mapping is None:
                continue
            seen.add(node)
            yield node
            for name in ("allOf", "oneOf"):
                waiting += node.listed(name)
            for name in ("items", "additionalProperties"):
                child = node.get(name)
                waiting += [] if child is None else [child]
            waiting += [child for _, child in node.entries("properties")]


def read_contracts(root: Path, workspace: str) -> list[Contract]:
    """Return the contracts of each domain that the compiler accepts; it reports the others."""
    protos = front_end.compile_all(root, workspace)
    if protos.findings:
        return []
    read = []
    for package in protos.contracts.packages:
        file = root / "openapi" / f"{package.domain}.yaml"
        if package.domain == "common" or not file.is_file():
            continue
        findings = Findings()
        try:
            document = load(file, root, findings)
            binding = bind(protos.contracts, package, document, findings)
        except ContractError:
            continue
        read.append(_contract(protos.contracts, package, document, binding))
    return read


def compiled_contracts(compiled: Compiled) -> list[Contract]:
    """Return the contracts of a compilation."""
    return [
        _contract(compiled.contracts, edge.package, edge.document, edge.binding) for edge in compiled.edges
    ]


def _contract(contracts: Contracts, package: Package, document: Document, binding: Binding) -> Contract:
    findings = Findings()
    bound = {each.operation_id: each for each in binding.operations}
    operations = tuple(
        _operation(spec, bound[spec.operation_id]) for spec in Operations(document, findings).read()
    )
    return Contract(contracts, package, document, binding, operations, Schemas(document, findings))


def _operation(spec: OperationSpec, bound: Operation) -> BoundOperation:
    return BoundOperation(spec, bound.method, bound.request, bound.raw_body)
