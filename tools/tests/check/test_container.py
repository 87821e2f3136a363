"""The composition root builds: each way it can fail, seen to be found with its line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aether_adapters.testing.waiting import eventually
from aether_tools.check.container import own_time
from aether_tools.workspace import Workspace

from .conftest import Shop, said

PACKAGE = "domains/billing/src/acme_billing"
CONTAINER = f"{PACKAGE}/container.py"


def test_a_missing_container_is_found(shop: Shop) -> None:
    shop.remove(CONTAINER)
    assert said(shop.check()) == [f"container-missing {CONTAINER}"]


def test_a_container_that_cannot_be_imported_is_found_where_it_breaks(shop: Shop) -> None:
    shop.add("adapters/store.py", "import no_such_library")
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-import", f"{PACKAGE}/adapters/store.py:1:1")
    assert "No module named 'no_such_library'" in finding.reason


@pytest.mark.parametrize(
    "line", ["import aether_adapters.doors", "from aether_adapters.kernel.errors import Refused"]
)
def test_what_the_kits_do_not_have_is_found_with_the_changelog_as_fix(shop: Shop, line: str) -> None:
    shop.add("adapters/store.py", line)
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-import", f"{PACKAGE}/adapters/store.py:1:1")
    assert "changelog" in finding.fix


def test_a_domain_that_is_not_installed_is_told_how_to_be(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH")
    [finding] = shop.check()
    assert finding.code == "container-import"
    assert "-e domains/billing" in finding.fix


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("CreateInvoice, invoices=invoices", "CreateInvoice, invoice=invoices", "has no parameter invoice"),
        ("CreateInvoice, invoices=invoices", "CreateInvoice", "missing a required argument: 'invoices'"),
        ("CreateInvoice, invoices=invoices", "CreateInvoice, invoices=invoices, more=1", "has no parameter more"),
    ],
)  # fmt: skip
def test_a_provider_with_wrong_arguments_is_found_once_with_its_line(
    shop: Shop, old: str, new: str, reason: str
) -> None:
    shop.replace(CONTAINER, old, new)
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-argument", f"{CONTAINER}:10:1")
    assert finding.reason.startswith("The provider create_invoice: CreateInvoice ")
    assert reason in finding.reason
    assert finding.reason.endswith("; it takes (invoices).")


def test_an_operation_left_out_of_the_port_is_found(shop: Shop) -> None:
    shop.replace(CONTAINER, "        create_invoice=create_invoice,\n", "")
    assert said(shop.check()) == [f"container-argument {CONTAINER}:11:1"]


def test_an_adapter_that_lacks_what_its_port_asks_for_is_found(shop: Shop) -> None:
    shop.replace(f"{PACKAGE}/adapters/store.py", "def save", "def store")
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-type", f"{CONTAINER}:10:1")
    assert "wants invoices to be Invoices; StoredInvoices has no save" in finding.reason


def test_a_class_that_raises_when_it_is_made_is_found_at_its_provider_only(shop: Shop) -> None:
    shop.replace(
        f"{PACKAGE}/adapters/store.py",
        "class StoredInvoices:",
        "class StoredInvoices:\n    def __init__(self) -> None:\n        raise OSError('no such server')\n",
    )
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-broken", f"{CONTAINER}:9:1")
    assert finding.reason == "The provider invoices cannot be built: OSError: no such server."


SETTINGS = """
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BILLING_")
    mail_secret: str = Field(min_length=16)
"""


def test_a_setting_without_a_value_is_found_until_there_is_one_for_development(shop: Shop) -> None:
    shop.write(f"{PACKAGE}/settings.py", SETTINGS)
    shop.add("container.py", "from acme_billing.settings import Settings")
    shop.replace(CONTAINER, "Container):\n", "Container):\n    settings = providers.Singleton(Settings)\n")
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-setting", f"{PACKAGE}/settings.py:6:1")
    assert finding.reason == "BILLING_MAIL_SECRET has no value for development."
    assert finding.fix == (
        "Give mail_secret a default, or BILLING_MAIL_SECRET a value in [tool.aether.development.settings] of "
        "domains/billing/pyproject.toml."
    )

    shop.write(
        "domains/billing/pyproject.toml",
        """
        [project]
        [tool.aether.development.settings]
        BILLING_MAIL_SECRET = "for development only"
        """,
    )
    assert shop.check() == []


DEVELOPMENT = """
[project]
[tool.aether.development.settings]
"""


@pytest.mark.parametrize(
    ("given", "place", "reason"),
    [
        ('BILLING_MAIL_SECRET = "short"', "domains/billing/pyproject.toml:3:1",
         "BILLING_MAIL_SECRET is wrong: String should have at least 16 characters."),
        ('BILLING_MAIL_SECERT = "for development only"', "domains/billing/pyproject.toml:3:1",
         "BILLING_MAIL_SECERT is no setting of billing."),
        ("", f"{PACKAGE}/settings.py:7:1", "BILLING_MAIL_SECRET has no value for development."),
    ],
)  # fmt: skip
def test_a_wrong_development_setting_is_found_where_it_is_written(
    shop: Shop, given: str, place: str, reason: str
) -> None:
    text = SETTINGS.replace("from pydantic_settings import BaseSettings, SettingsConfigDict", KIT_SETTINGS)
    shop.write(f"{PACKAGE}/settings.py", text.replace("(BaseSettings)", "(ServiceSettings)"))
    shop.add("container.py", "from acme_billing.settings import Settings")
    shop.replace(CONTAINER, "Container):\n", "Container):\n    settings = providers.Singleton(Settings)\n")
    shop.write("domains/billing/pyproject.toml", DEVELOPMENT + given)
    found = [each for each in shop.check() if each.code in {"container-setting", "setting-unknown"}]
    assert [(str(each.location), each.reason[: len(reason)]) for each in found] == [(place, reason)]


def test_a_development_setting_in_small_letters_is_no_variable(shop: Shop) -> None:
    text = SETTINGS.replace("from pydantic_settings import BaseSettings, SettingsConfigDict", KIT_SETTINGS)
    text = text.replace("(BaseSettings)", "(ServiceSettings)")
    shop.write(f"{PACKAGE}/settings.py", text)
    shop.write("domains/billing/pyproject.toml", DEVELOPMENT + 'mail_secret = "for development only"')
    found = [each for each in shop.check_files() if each.code == "setting-unknown"]
    assert [(each.reason, each.fix) for each in found] == [
        ("mail_secret is no setting of billing.", "Write BILLING_MAIL_SECRET.")
    ]


def test_a_file_that_cannot_be_read_is_one_finding(shop: Shop) -> None:
    shop.write(f"{PACKAGE}/application/close_invoice.py", "def (:\n")
    assert said(shop.check()) == [f"python-syntax {PACKAGE}/application/close_invoice.py:1:5"]


KIT_SETTINGS = """from aether_adapters.service.settings import ServiceSettings
from pydantic_settings import SettingsConfigDict"""


def test_a_setting_that_a_companion_gives_is_no_finding(shop: Shop) -> None:
    shop.write(f"{PACKAGE}/settings.py", SETTINGS.replace("mail_secret", "mail_url"))
    shop.add("container.py", "from acme_billing.settings import Settings")
    shop.replace(CONTAINER, "Container):\n", "Container):\n    settings = providers.Singleton(Settings)\n")
    shop.write(
        "domains/billing/pyproject.toml",
        """
        [tool.aether.development.companions.mailbox]
        command = "python -m acme_billing.adapters.mailbox --port {port}"
        port = 8025
        settings = { BILLING_MAIL_URL = "{url}" }
        """,
    )
    assert shop.check() == []


def test_a_dependency_nobody_gives_is_found(shop: Shop) -> None:
    shop.replace(
        CONTAINER, "invoices = providers.Singleton(StoredInvoices)", "invoices = providers.Dependency()"
    )
    assert said(shop.check()) == [f"container-broken {CONTAINER}:9:1"]


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("import os; os._exit(3)", f"{PACKAGE}/adapters/store.py:3:1"),
        ("import ctypes; ctypes.string_at(0)", f"{PACKAGE}/adapters/store.py:3:1"),
        ("import os; os.kill(os.getpid(), 9)", f"{CONTAINER}:1:1"),  # it leaves no trace
    ],
)
def test_a_domain_that_takes_the_probe_down_is_named_and_the_others_are_still_checked(
    shop: Shop, line: str, at: str
) -> None:
    _second_domain(shop)
    shop.add("adapters/store.py", f"\n\n{line}")
    shop.replace("domains/trade/src/acme_trade/container.py", "a = 1", "a = nonsense")
    assert said(shop.check()) == [
        f"container-dead {at}",
        "container-import domains/trade/src/acme_trade/container.py:1:1",
    ]


@pytest.mark.prove
@pytest.mark.parametrize("line", ["time.sleep(600)", "while True: pass"])
def test_a_domain_that_never_comes_to_an_end_is_named(shop: Shop, line: str) -> None:
    _second_domain(shop)
    shop.write(f"{PACKAGE}/__init__.py", f"import time\n\n{line}\n")
    shop.replace("domains/trade/src/acme_trade/container.py", "a = 1", "a = nonsense")
    findings = [
        (each.code, each.reason, str(each.location)) for each in shop.check() if "container" in each.code
    ]
    assert findings == [
        (
            "container-dead",
            "Building the container of billing did not end within 10 s.",
            f"{PACKAGE}/__init__.py:3:1",
        ),
        (
            "container-import",
            "acme_trade.container cannot be imported: NameError: name 'nonsense' is not defined.",
            "domains/trade/src/acme_trade/container.py:1:1",
        ),
    ]


def test_time_in_which_others_run_does_not_count_as_own_time() -> None:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        running = own_time.OwnTime(process.pid)
        eventually(lambda: running.sample() > 0.3, seconds=120)
        process.send_signal(signal.SIGSTOP)
        status = Path(f"/proc/{process.pid}/stat")
        eventually(lambda: ") T " in status.read_text(), seconds=60)
        running.restart()
        for _ in range(20):
            time.sleep(0.02)
            assert running.sample() == 0.0
    finally:
        process.kill()
        process.wait()


def test_a_sleeping_process_spends_its_own_time_but_never_more_than_was_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = subprocess.Popen(["sleep", "600"])
    try:
        sleeping = own_time.OwnTime(process.pid)
        eventually(lambda: sleeping.sample() > 0.3, seconds=60)
        sleeping.restart()
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 500)  # nobody looked for so long
        assert sleeping.sample() <= 0.2
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("text", ["[project", "[tool.aether.development.companions]\nmailbox = 1\n"])
def test_a_domain_whose_project_file_is_broken_does_not_hide_the_others(shop: Shop, text: str) -> None:
    _second_domain(shop)
    shop.write("domains/billing/pyproject.toml", text)
    shop.replace("domains/trade/src/acme_trade/container.py", "a = 1", "a = nonsense")
    found = shop.check()
    assert said(found) == [
        "domain-settings domains/billing/pyproject.toml:1:1",
        "container-import domains/trade/src/acme_trade/container.py:1:1",
    ]
    assert found[0].reason.startswith("domains/billing/pyproject.toml")


def test_a_cycle_is_named_with_its_fix(shop: Shop) -> None:
    shop.replace(
        CONTAINER,
        "invoices = providers.Singleton(StoredInvoices)",
        "invoices = providers.Singleton(StoredInvoices)\n    ring = providers.Singleton(dict)\n"
        "    ring.add_kwargs(itself=ring)",
    )
    [finding] = shop.check()
    assert (finding.code, finding.reason, str(finding.location)) == (
        "container-broken",
        "The provider ring cannot be built: it needs itself: ring takes ring (itself=).",
        f"{CONTAINER}:11:1",
    )
    assert finding.fix.startswith("Break the cycle")


def test_a_misspelt_setting_is_told_the_right_name(shop: Shop) -> None:
    shop.write(f"{PACKAGE}/settings.py", SETTINGS.replace(" = Field(min_length=16)", ' = "x"'))
    shop.add("container.py", "from acme_billing.settings import Settings")
    shop.replace(
        CONTAINER,
        "Container):\n",
        "Container):\n    settings = providers.Singleton(Settings)\n"
        "    secret = providers.Singleton(str, settings.provided.mail_secert)\n",
    )
    [finding] = shop.check()
    assert (finding.code, finding.fix) == ("container-broken", "Write mail_secret instead of mail_secert.")


def test_a_misspelt_setting_of_an_inline_provider_is_found_at_its_own_line(shop: Shop) -> None:
    shop.write(f"{PACKAGE}/settings.py", SETTINGS.replace(" = Field(min_length=16)", ' = "x"'))
    shop.add("container.py", "from acme_billing.settings import Settings")
    shop.replace(CONTAINER, "Container):\n", "Container):\n    settings = providers.Singleton(Settings)\n")
    shop.replace(
        CONTAINER,
        "close_invoice=providers.Singleton(close_invoice.CloseInvoice),",
        "close_invoice=providers.Singleton(\n            close_invoice.CloseInvoice,\n"
        "            settings.provided.mail_secert,\n        ),",
    )
    shop.replace(
        f"{PACKAGE}/application/close_invoice.py",
        "CloseInvoice(Operation):",
        "CloseInvoice(Operation):\n    secret: object",
    )
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-broken", f"{CONTAINER}:18:1")
    assert finding.reason == (
        "The provider port cannot be built: secret of CloseInvoice is settings.mail_secert: "
        "AttributeError: 'Settings' object has no attribute 'mail_secert'."
    )
    assert finding.fix == "Write mail_secret instead of mail_secert."


def test_an_inline_provider_that_cannot_be_built_is_named_with_its_parameter(shop: Shop) -> None:
    shop.replace(
        CONTAINER,
        "CreateInvoice, invoices=invoices)",
        "CreateInvoice,\n        invoices=providers.Singleton(StoredInvoices, 1, 2),\n    )",
    )
    shop.replace(
        f"{PACKAGE}/adapters/store.py",
        "class StoredInvoices:",
        "class StoredInvoices:\n    def __init__(self, *parts: int) -> None:\n        if parts:\n"
        "            raise ValueError('no such part')\n",
    )
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-broken", f"{CONTAINER}:11:1")
    assert finding.reason == (
        "The provider create_invoice cannot be built: invoices of CreateInvoice is StoredInvoices: "
        "ValueError: no such part."
    )


def test_a_cycle_of_several_providers_is_told_once_with_its_way(shop: Shop) -> None:
    shop.replace(
        CONTAINER,
        "    create_invoice = ",
        "    first = providers.Singleton(dict)\n    second = providers.Singleton(dict, first=first)\n"
        "    first.add_kwargs(second=second)\n    create_invoice = ",
    )
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-broken", f"{CONTAINER}:12:1")
    assert finding.reason == (
        "The provider first cannot be built: it needs itself: first takes second (second=), which takes first (first=)."
    )
    assert finding.fix.startswith("Break the cycle")


def test_an_error_at_import_does_not_advise_to_install(shop: Shop) -> None:
    shop.add("adapters/store.py", "nonsense")
    [finding] = shop.check()
    assert (finding.code, finding.fix) == ("container-import", "Correct that line.")


def test_a_program_that_a_domain_leaves_behind_is_ended_with_the_probe(shop: Shop) -> None:
    shop.add("container.py", "import subprocess; subprocess.Popen(['sleep', '600'])")
    assert shop.check() == []


@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        ("Mapping", "providers.Dict(a=invoices)", ""),
        ("Counter[str]", "providers.Object(Counter('a'))", ""),
        ("Counter[str]", "providers.Dict(a=invoices)", "got dict"),
        ("Callable", "invoices.provider", ""),
        ("Callable", "providers.Object(1)", "int cannot be called"),
    ],
)
def test_a_collection_or_callable_of_unnamed_contents_is_checked_by_itself(
    shop: Shop, annotation: str, value: str, reason: str
) -> None:
    imports = "from collections import Counter; from typing import Callable, Mapping"
    shop.replace(f"{PACKAGE}/application/create_invoice.py", "invoices: Invoices", f"invoices: {annotation}")
    shop.replace(
        f"{PACKAGE}/application/create_invoice.py",
        "from dataclasses import dataclass",
        f"from dataclasses import dataclass; {imports}",
    )
    shop.add("container.py", "from collections import Counter")
    shop.replace(CONTAINER, "CreateInvoice, invoices=invoices", f"CreateInvoice, invoices={value}")
    assert [finding.reason.rpartition("; ")[2] for finding in shop.check()] == (
        [f"{reason}."] if reason else []
    )


def test_what_a_domain_prints_does_not_disturb_the_probe(shop: Shop) -> None:
    shop.add("container.py", "import os; print('{'); os.write(1, b'noise\\n')")
    assert shop.check() == []


def test_the_workspaces_own_python_runs_the_probe(shop: Shop) -> None:
    own = shop.root / ".venv/bin/python"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\necho no such environment >&2\nexit 9\n")
    own.chmod(0o755)
    assert Workspace.find(shop.root).python == own
    [finding] = shop.check()
    assert (finding.code, finding.reason) == (
        "container-dead",
        "Building the container of billing ended with code 9: no such environment.",
    )


def _second_domain(shop: Shop) -> None:
    shop.write("domains/trade/pyproject.toml", "[project]\n")
    shop.write("proto/acme/trade/v1/trade.proto", "")
    shop.write("openapi/trade.yaml", "")
    shop.write("domains/trade/src/acme_trade/__init__.py", "")
    shop.write("domains/trade/src/acme_trade/container.py", "a = 1\n")


@pytest.fixture(autouse=True)
def _trade_is_importable(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", f"{os.environ['PYTHONPATH']}{os.pathsep}{tmp_path / 'domains/trade/src'}"
    )


def test_a_property_that_connects_to_something_is_not_asked(shop: Shop) -> None:
    shop.replace(
        f"{PACKAGE}/application/ports.py",
        "class Invoices(Protocol):",
        "class Invoices(Protocol):\n    @property\n    def size(self) -> int: ...",
    )
    shop.replace(
        f"{PACKAGE}/adapters/store.py",
        "class StoredInvoices:",
        "class StoredInvoices:\n    @property\n    def size(self) -> int:\n        raise OSError('no such server')\n",
    )
    assert shop.check() == []


def test_what_a_provider_makes_in_passing_is_checked_too(shop: Shop) -> None:
    nested = "create_invoice=providers.Singleton(CreateInvoice, invoices=providers.Object(1))"
    shop.replace(CONTAINER, "create_invoice=create_invoice", nested)
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-type", f"{CONTAINER}:13:1")
    assert "CreateInvoice wants invoices to be Invoices; int has no save" in finding.reason

    shop.replace(CONTAINER, nested, "create_invoice=providers.Singleton(CreateInvoice, invoice=invoices)")
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-argument", f"{CONTAINER}:13:1")
    assert finding.reason.startswith("The provider port: CreateInvoice has no parameter invoice")
    assert finding.fix == "Write invoices instead of invoice."


def test_a_branch_that_other_settings_choose_is_built_too(shop: Shop) -> None:
    shop.add("adapters/store.py", "def far() -> None:\n    raise OSError('no such file')\n")
    shop.add("container.py", "from acme_billing.adapters.store import far")
    shop.replace(
        CONTAINER,
        "        close_invoice=providers",
        '        close_invoice=providers.Selector(lambda: "near", near=close, far=providers.Singleton(far)),\n',
    )
    shop.replace(CONTAINER, ".Singleton(close_invoice.CloseInvoice),\n", "")
    shop.replace(
        CONTAINER,
        "    port = ",
        "    close = providers.Singleton(close_invoice.CloseInvoice)\n    port = ",
    )
    [finding] = shop.check()
    assert (finding.code, str(finding.location)) == ("container-broken", f"{CONTAINER}:13:1")
    assert finding.reason == "The provider port cannot be built: OSError: no such file."


def test_an_adapter_in_memory_is_found_at_its_provider(shop: Shop) -> None:
    shop.replace(f"{PACKAGE}/adapters/store.py", "StoredInvoices", "MemoryInvoices")
    shop.replace(CONTAINER, "StoredInvoices", "MemoryInvoices")
    assert said(shop.check()) == [f"container-memory {CONTAINER}:9:1"]


INLINE = [
    ("create_invoice=create_invoice", "create_invoice=providers.Singleton(close_invoice.CloseInvoice)", "container-type",
     "CloseInvoice takes CloseInvoiceRequest instead of CreateInvoiceRequest"),
    ("create_invoice=create_invoice", "create_invoice=providers.Object(CreateInvoice)", "container-type",
     "got the class CreateInvoice, not an object of it"),
    ("create_invoice=create_invoice", "create_invoice=providers.Object(len)", "container-type",
     "len is built in and knows no CreateInvoiceRequest"),
    ("create_invoice=create_invoice", "create_invoice=providers.Factory(CreateInvoice, providers.Object(1))",
     "container-type", "int has no save"),
    ("create_invoice=create_invoice", "create_invoice=providers.Factory(CreateInvoice, providers.Object(StoredInvoices))",
     "container-type", "got the class StoredInvoices, not an object of it"),
    ("create_invoice=create_invoice", "create_invoices=create_invoice", "container-argument",
     "BillingService has no parameter create_invoices"),
    ("create_invoice=create_invoice", "create_invoice=providers.Factory(CreateInvoice, invoices)", "", ""),
    ("create_invoice=create_invoice", "create_invoice=providers.Callable(CreateInvoice, invoices=invoices)", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "reason"), INLINE, ids=[each[1] for each in INLINE])
def test_what_stands_inline_is_compared_with_its_parameter_at_its_own_line(
    shop: Shop, old: str, new: str, code: str, reason: str
) -> None:
    shop.replace(CONTAINER, old, new)
    found = shop.check()
    assert said(found) == ([f"{code} {CONTAINER}:13:1"] if code else [])
    assert all(reason in finding.reason for finding in found)


ASSEMBLED = {
    "proto/gen/acme/billing/v1/grpc.py": """
        from aether_adapters.grpc import AsyncChannel, Service

        from .port import AsyncBillingService, BillingService

        def service(port: BillingService, /) -> Service:
            return Service("acme.billing.v1.BillingService", (port.create_invoice, port.close_invoice) and ())

        def async_client(channel: AsyncChannel, /) -> AsyncBillingService: ...
        """,
    "proto/gen/acme/billing/v1/threads.py": """
        from aether_adapters.rest import Offload

        from .port import AsyncBillingService, BillingService

        def in_threads(service: BillingService, offload: Offload, /) -> AsyncBillingService:
            return AsyncBillingService(create_invoice=offload.wrap(service.create_invoice))
        """,
    "openapi/gen/acme_openapi/billing.yaml": """
        openapi: 3.0.3
        info: {title: Billing, version: "1"}
        paths: {}
        """,
    "openapi/gen/acme_openapi/billing.py": """
        from pathlib import Path

        CONTRACT = Path(__file__).with_name("billing.yaml")

        def operations(service, /):
            return ()
        """,
    CONTAINER: """
        from acme.billing.v1 import grpc, threads
        from acme.billing.v1.port import BillingService
        from acme_openapi import billing as rest
        from aether_adapters.kernel.problems import ErrorTable
        from aether_adapters.rest import Limits
        from aether_adapters.service import wiring
        from aether_adapters.service.assembly import Edges, Servers, assemble
        from aether_adapters.service.backing import BackingServices
        from aether_adapters.service.periodic import Periodic
        from aether_adapters.service.settings import ServiceSettings
        from dependency_injector.containers import DeclarativeContainer
        from dependency_injector.providers import Dict, Object, Singleton
        from pydantic_settings import SettingsConfigDict

        from acme_billing.adapters.store import StoredInvoices
        from acme_billing.application.close_invoice import CloseInvoice
        from acme_billing.application.create_invoice import CreateInvoice

        EDGES = Edges(grpc=grpc, rest=rest, threads=threads, errors=ErrorTable("billing", {}))

        class Settings(ServiceSettings):
            model_config = SettingsConfigDict(env_prefix="BILLING_")

        class Container(DeclarativeContainer):
            settings = Singleton(Settings)
            invoices = Singleton(StoredInvoices)
            backing = Singleton(BackingServices, settings)
            service = Singleton(
                BillingService,
                create_invoice=Singleton(CreateInvoice, invoices=invoices),
                close_invoice=Singleton(CloseInvoice),
            )
            verifier = Singleton(wiring.token_verifier, settings)
            limits = Singleton(Limits)
            tidy = Singleton(Periodic, "tidy", Object(bool), 60, EDGES.errors)
            servers = Singleton(Servers, EDGES, service.provider, verifier=verifier.provider, limits=limits.provider)
            worker = Dict(tidy=tidy.provider)
            roles = Object(frozenset({"api", "rpc", "worker"}))
            process = Singleton(assemble, backing, roles, servers, worker=worker)
        """,
}


@pytest.fixture
def assembled(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The same workspace, its process assembled by the kit."""
    for file, text in ASSEMBLED.items():
        shop.write(file, text)
    monkeypatch.setenv("PYTHONPATH", f"{os.environ['PYTHONPATH']}{os.pathsep}{shop.root / 'openapi/gen'}")
    return shop


def test_a_process_that_the_kit_assembles_is_clean(assembled: Shop) -> None:
    assert assembled.check() == []


BREAKS = [
    (", verifier=verifier.provider", "", "container-argument", "servers", "missing a required argument: 'verifier'"),
    ("verifier=verifier.provider", "verify=verifier.provider", "container-argument", "servers", "has no parameter verify"),
    ("limits=limits.provider", "limit=limits.provider", "container-argument", "servers", "has no parameter limit"),
    ("service.provider", "service", "container-type", "servers", "Servers wants service to be Callable; BillingService cannot be called"),
    ("verifier=verifier.provider", "verifier=limits.provider", "container-type", "servers", "Limits has no __call__, probe"),
    ("limits=limits.provider", "limits=verifier.provider", "container-type", "servers", "got Verifier"),
    ("Servers, EDGES", "Servers, service", "container-type", "servers", "Servers wants edges to be Edges; got BillingService"),
    ("service.provider, v", "invoices.provider, v", "container-broken", "process", "'StoredInvoices' object has no attribute 'create_invoice'"),
    ("Dict(tidy=tidy.provider)", "Dict(tidy=invoices.provider)", "container-type", "process", "in 'tidy' StoredInvoices has no run"),
    ("Dict(tidy=tidy.provider)", "Dict(tidy=tidy)", "container-type", "process", "in 'tidy' Periodic cannot be called"),
    ("Dict(tidy=tidy.provider)", "Dict(grpc=tidy.provider)", "container-broken", "process", "worker part grpc"),
    (", worker=worker)", ", workers=worker)", "container-argument", "process", "has no parameter workers"),
    ("assemble, backing", "assemble, settings", "container-type", "process", "wants backing to be BackingServices; got Settings"),
    ("Object(bool), 60, ", "Object(bool), 'often', ", "container-type", "tidy", "Periodic wants seconds to be float; got str"),
    ("BackingServices, settings)", "BackingServices, invoices)", "container-type", "backing", "got StoredInvoices"),
    ("wiring.token_verifier, settings)", "wiring.token_verifier, backing.provided.cache)", "container-broken", "verifier", "no attribute 'cache'"),
]  # fmt: skip


def test_what_does_not_fit_the_kits_assembly_is_found_at_its_provider(assembled: Shop) -> None:
    """One container for each way to break it, in one file, for the kits are imported once."""
    head, _, body = (assembled.root / CONTAINER).read_text().partition("class Container(")
    places = []
    for number, (old, new, _, provider, _) in enumerate(BREAKS):
        assert body.count(old) == 1
        broken = f"class Container{number}({body.replace(old, new)}"
        before = head.count("\n") + broken.partition(f"    {provider} = ")[0].count("\n")
        places.append(f"{CONTAINER}:{before + 1}:1")
        head += broken
    assembled.write(CONTAINER, head)
    found = assembled.check()
    assert [(finding.code, str(finding.location)) for finding in found] == [
        (code, place) for (_, _, code, _, _), place in zip(BREAKS, places, strict=True)
    ]
    for finding, (_, _, _, _, reason) in zip(found, BREAKS, strict=True):
        assert reason in finding.reason
