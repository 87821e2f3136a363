"""Reads the files of one side of a comparison, and follows `$ref` inside and between them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import unquote

from aether_tools.breaking.merging import MergingTreeBuilder
from aether_tools.compiler.openapi.document import Findings, Node
from aether_tools.compiler.openapi.reader import read
from aether_tools.finding import ContractError, Finding, Location

_REMOTE: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:")
_ANY_VALUE: Final = Node(Location(""), "#")


class Library:
    """The files of one side: the document, and each file beside it that a `$ref` names, read once.

    `label` stands before every file's name in findings, such as `main:` for the files of a git ref. References to
    other hosts are never followed, nor those out of `root` if `closed`: anybody may propose a contract to a workspace.
    """

    def __init__(self, root: Path, label: str = "", *, closed: bool = False) -> None:
        self._root = root
        self._closed = closed
        self._label = label
        self._roots: dict[Path, Node] = {}
        self._paths: dict[str, Path] = {}
        self._pointers: dict[Path, dict[str, Node]] = {}
        self._anchors: dict[Path, dict[str, Node]] = {}
        self._findings = Findings()
        self._targets: dict[int, Node | None] = {}

    def document(self, path: Path) -> Node:
        """Return the root of an OpenAPI document.

        Raises `ContractError` if it cannot be read, or is none of OpenAPI 3.
        """
        root = self._file(path)
        if "swagger" in root:
            self._stop(
                root.key("swagger"),
                "version",
                "This is a Swagger 2.0 document; only OpenAPI 3 can be compared.",
                "Convert both documents to OpenAPI 3 first.",
            )
        if not (version(root) or "").startswith("3."):
            self._stop(
                root.key("openapi"),
                "version",
                "This is no OpenAPI document: it does not begin with openapi: 3.0.3 or another version 3.",
                "Name an OpenAPI document, or a folder with proto files.",
            )
        return root

    def place(self, location: Location) -> Location:
        """Return a location as findings show it."""
        return Location(f"{self._label}{location.file}", location.line, location.column)

    def resolve(self, node: Node) -> Node | None:
        """Return what a node stands for, after all its references. None if that is on another host.

        A reference that leads nowhere, or back to itself, is a finding of `check`, and stands for any value.
        """
        seen: set[int] = set()
        while "$ref" in node and isinstance(node.text("$ref"), str):
            if id(node) in seen:
                self._found(
                    node, "ref-cycle", "This $ref leads back to itself.", "Let one of them hold the value."
                )
                return _ANY_VALUE
            seen.add(id(node))
            if id(node) not in self._targets:
                self._targets[id(node)] = self._follow(node)
            target = self._targets[id(node)]
            if target is None:
                return None
            node = target
        return node

    def check(self) -> None:
        """Raise `ContractError` if a reference could not be followed."""
        try:
            self._findings.refuse()
        except ContractError as error:
            raise self._labelled(error) from error

    def _follow(self, node: Node) -> Node | None:
        reference = node.text("$ref") or ""
        name, _, fragment = reference.partition("#")
        if _REMOTE.match(name) or name.startswith("//"):
            return None
        path = self._paths[node.location.file]
        if name:
            path = Path(os.path.normpath(path.parent / unquote(name)))
            if unquote(name).startswith("/") or (self._closed and not path.is_relative_to(self._root)):
                self._found(
                    node,
                    "ref-outside",
                    f"$ref {reference!r} names a file outside of the folder that is compared.",
                    "Copy the file beside this one, and refer to it by a relative path.",
                )
                return _ANY_VALUE
            if not path.is_file():
                self._found(
                    node,
                    "ref-file",
                    f"$ref {reference!r} names a file that does not exist.",
                    "Add the file, or correct the name; it is relative to this file.",
                )
                return _ANY_VALUE
        self._file(path)
        pointer = unquote(fragment)
        if not pointer or pointer == "/":
            return self._roots[path]
        if pointer.startswith("/"):
            target = self._pointers[path].get(f"#{pointer.rstrip('/')}") or self._pointers[path].get(
                f"#{pointer}"
            )
        else:
            target = self._anchors[path].get(pointer)
        if target is None:
            self._found(
                node,
                "dangling-ref",
                f"$ref {reference!r} points to nothing.",
                "Declare it under components, or correct the name.",
            )
            return _ANY_VALUE
        return target

    def _file(self, path: Path) -> Node:
        if path not in self._roots:
            findings = Findings()
            try:
                root = read(path, self._root, findings, MergingTreeBuilder).root
            except ContractError as error:
                raise self._labelled(error) from error
            self._roots[path] = root
            self._paths[root.location.file] = path
            self._pointers[path] = {node.pointer: node for node in root.walk()}
            self._anchors[path] = dict(_anchors(root))
        return self._roots[path]

    def _found(self, node: Node, code: str, reason: str, fix: str) -> None:
        self._findings.add(node.get("$ref") or node, code, reason, fix)

    def refuse(self, node: Node, code: str, reason: str, fix: str) -> NoReturn:
        """Raise `ContractError` for a value that makes the comparison impossible."""
        self._stop(node.location, code, reason, fix)

    def _stop(self, at: Location, code: str, reason: str, fix: str) -> NoReturn:
        raise ContractError(Finding(self.place(at), f"openapi-{code}", reason, fix))

    def _labelled(self, error: ContractError) -> ContractError:
        return ContractError(
            *(Finding(self.place(each.location), each.code, each.reason, each.fix) for each in error.findings)
        )


def _anchors(root: Node) -> Iterator[tuple[str, Node]]:
    for node in root.walk():
        for keyword in ("$anchor", "$dynamicAnchor"):
            name = node.text(keyword)
            if name is not None:
                yield name, node


def version(root: Node) -> str | None:
    """Return the version of OpenAPI that a document names, such as 3.1.0; also one that YAML reads as a number."""
    node = root.get("openapi")
    return None if node is None or node.scalar is None else str(node.scalar)
