"""Generated Python: strictly typed, formatted, and hard to misuse."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from aether_tools.compiler.pipeline import generate

Run = Callable[[Path, str], str]
Write = Callable[[Mapping[str, str]], Path]

ROOT = Path(__file__).parents[3]


def test_passes_mypy_strict(zoo: Path, request: pytest.FixtureRequest) -> None:
    cache = request.config.cache
    assert cache is not None
    options = [
        "--strict",
        "--explicit-package-bases",
        "--namespace-packages",
        f"--cache-dir={cache.mkdir('mypy')}",
    ]
    environment = {**os.environ, "MYPYPATH": f"{zoo / 'proto/gen'}:{ROOT / 'adapters/src'}"}
    command = [sys.executable, "-m", "mypy", *options, str(zoo / "proto/gen")]
    done = subprocess.run(command, cwd=zoo, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Success"), done.stdout + done.stderr


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_passes_the_linter_and_the_formatter(command: list[str], zoo: Path, tmp_path: Path) -> None:
    shutil.copy(
        ROOT / "pyproject.toml", tmp_path
    )  # the rules of this repository, which a new workspace starts with
    shutil.copytree(zoo / "proto", tmp_path / "proto")
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "proto/gen"]
    done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_names_of_any_length_pass_the_formatter(workspace: Write) -> None:
    """Some length of the name makes each line exceed the limit by one character."""
    names = ["Paid".ljust(length, "x") for length in range(4, 80)]
    fields = "int64 id = 1; google.protobuf.Timestamp occurred_at = 2;"
    messages = "\n".join(f"message {name} {{ {fields} }}" for name in names)
    imports = 'import "google/protobuf/timestamp.proto";'
    contract = f'syntax = "proto3";\npackage acme.shop.v1;\n{imports}\n{messages}\n'
    root = workspace({"proto/acme/shop/v1/events.proto": contract})
    assert generate(root).findings == ()
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--diff",
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]
    done = subprocess.run([*ruff, "proto/gen"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_use_case_without_call_cannot_be_instantiated(acme: Path, python: Run) -> None:
    printed = python(
        acme,
        """
        from dataclasses import dataclass
        from acme.billing.v1.port import CreateInvoice

        @dataclass(frozen=True, slots=True)
        class Forgotten(CreateInvoice):
            clock: str

        try:
            Forgotten("noon")
        except TypeError as error:
            print(error)
        """,
    )
    assert re.search(r"abstract.*__call__", printed)


def test_a_use_case_can_be_a_frozen_slotted_dataclass(acme: Path, python: Run) -> None:
    printed = python(
        acme,
        """
        from dataclasses import FrozenInstanceError, dataclass
        from acme.billing.v1.port import GetTally
        from acme.billing.v1.types import GetTallyRequest, Tally

        @dataclass(frozen=True, slots=True)
        class CountInvoices(GetTally):
            start: int

            def __call__(self, request: GetTallyRequest, /) -> Tally:
                return Tally(created=self.start, closed=0)

        count = CountInvoices(7)
        print(count(GetTallyRequest()), hasattr(count, "__dict__"))
        try:
            count.start = 8
        except FrozenInstanceError as error:
            print(error)
        """,
    )
    assert printed == "Tally(created=7, closed=0) False\ncannot assign to field 'start'\n"


def test_a_value_behaves_like_a_frozen_dataclass(acme: Path, python: Run) -> None:
    printed = python(
        acme,
        """
        import copy, inspect, pickle
        from dataclasses import FrozenInstanceError, replace
        from acme.billing.v1.types import GetInvoiceRequest
        from acme.common.v1.types import NOBODY, Caller

        read = GetInvoiceRequest(id=7)
        assert read.caller is NOBODY
        assert read == copy.copy(read) == pickle.loads(pickle.dumps(read)) == replace(replace(read, id=8), id=7)
        assert hash(read) == hash(GetInvoiceRequest(caller=Caller(), id=7))
        for wrong in (
            lambda: setattr(read, "id", 8),
            lambda: delattr(read, "id"),
            lambda: GetInvoiceRequest(),
            lambda: GetInvoiceRequest(7),
            lambda: GetInvoiceRequest(id=7, more=1),
        ):
            try:
                wrong()
            except (FrozenInstanceError, TypeError) as error:
                print(error)
        print(read, hasattr(read, "__dict__"))
        print(inspect.signature(Caller))
        """,
    )
    assert printed.splitlines() == [
        "cannot assign to field 'id'",
        "cannot delete field 'id'",
        "GetInvoiceRequest.__init__() missing 1 required keyword-only argument: 'id'",
        "GetInvoiceRequest.__init__() takes 1 positional argument but 2 were given",
        "GetInvoiceRequest.__init__() got an unexpected keyword argument 'more'",
        "GetInvoiceRequest(caller=Caller(subject='', roles=(), session=''), id=7) False",
        "(*, subject: 'str' = '', roles: 'tuple[str, ...]' = (), session: 'str' = '') -> None",
    ]


def test_no_repr_shows_a_field_that_the_contract_redacts(zoo: Path, python: Run) -> None:
    printed = python(
        zoo,
        """
        from datetime import timedelta
        from zoo.ark.v1.types import Mood, Scalars, Secrets, SecretsPin

        def secret(**more):
            return Secrets(
                password="hunter2", key=b"hunter2", codes=("hunter2",), answers={"hunter2": "hunter2"}, mood=list(Mood)[0],
                how_long_each_of_the_passengers_stayed_silent={"hunter2": timedelta(1)},
                proof=SecretsPin("hunter2"), shown="seen", **more,
            )

        print(secret(inner=secret()))
        print([SecretsPin("hunter2")], secret() == secret(), secret().password)
        """,
    )
    assert printed.splitlines() == [
        "Secrets(inner=Secrets(inner=None, shown='seen'), shown='seen')",
        "[SecretsPin()] True hunter2",
    ]


def test_the_port_and_its_types_import_only_the_standard_library(acme: Path, python: Run) -> None:
    printed = python(
        acme,
        """
        import sys
        import acme.billing.v1.port
        print(*sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__"}))
        """,
    )
    foreign = set(printed.split()) - {"_distutils_hack", "sitecustomize", "usercustomize"}
    assert {name for name in foreign if not name.startswith(("__editable__", "_virtualenv"))} == {"acme"}


def test_methods_declare_who_may_call_them(zoo: Path, python: Run) -> None:
    printed = python(
        zoo,
        """
        from zoo.ark.v1 import grpc
        for method in grpc.METHODS:
            print(method.path, method.access.name, method.idempotent, method.caller and method.caller.__name__)
        """,
    )
    assert printed.splitlines() == [
        "/zoo.ark.v1.ArkService/Board PUBLIC False None",
        "/zoo.ark.v1.ArkService/Sink SERVICE True None",
        "/zoo.ark.v1.ArkService/Import CALLER False Caller",
        "/zoo.ark.v1.ArkService/RememberEveryPassengerThatEverCameAboardTheArk CALLER False Caller",
    ]


def test_comments_with_any_characters_become_docstrings(zoo: Path, python: Run) -> None:
    printed = python(
        zoo,
        """
        from zoo.ark.v1 import port
        print(port.ArkService.__doc__)
        """,
    )
    assert 'It says """quotes""", back\\slashes and "ends with a quote"' in printed


def test_what_the_contract_says_nothing_about_has_no_docstring(workspace: Write, python: Run) -> None:
    notes = """\
        syntax = "proto3";
        package acme.notes.v1;
        import "aether_adapters/contract/options.proto";
        service NotesService {
          rpc Read(Note) returns (Note) { option (aether_adapters.contract.access) = ACCESS_PUBLIC; }
        }
        enum Kind { KIND_UNSPECIFIED = 0; KIND_SMALL = 1; }
        message Nothing {}
        // What someone wrote down.
        message Note { oneof body { string text = 1; Nothing nothing = 2; } optional Kind kind = 3; }
        """
    root = workspace({"proto/acme/notes/v1/notes.proto": notes})
    assert generate(root).findings == ()
    printed = python(
        root,
        """
        import ast, inspect
        from acme.notes.v1 import port, types
        for module in (types, port):
            for node in ast.parse(inspect.getsource(module)).body:
                if isinstance(node, ast.ClassDef):
                    print(node.name, ast.get_docstring(node))
        """,
    )
    assert printed.splitlines() == [
        "Kind None",
        "Nothing None",
        "NoteText None",
        "Note What someone wrote down.",
        "Read None",
        "NotesService The inbound port: one of each operation.",
        "AsyncRead None",
        "AsyncNotesService The same as `NotesService`, for callers on an event loop.",
    ]


def test_a_grpc_call_reaches_the_use_case_and_returns_its_response(acme: Path, python: Run) -> None:
    printed = python(
        acme,
        """
        from dataclasses import replace
        from acme.billing.v1 import grpc
        from acme.billing.v1.types import Tally

        class Wire:
            def bind(self, method):
                bound = next(each for each in service.methods if each.method is method)
                def call(request):
                    answer = bound.call(method.request.from_wire(method.request.to_wire(request)))
                    return method.response.from_wire(method.response.to_wire(answer))
                return call

        class Anything:
            def __getattr__(self, name):
                return lambda request: Tally(created=1, closed=2)

        from acme.billing.v1.types import GetTallyRequest
        service = grpc.service(Anything())
        print(service.name, grpc.client(Wire()).get_tally(GetTallyRequest()))
        """,
    )
    assert printed == "acme.billing.v1.BillingService Tally(created=1, closed=2)\n"
