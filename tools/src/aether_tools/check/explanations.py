"""What `aether explain` prints: for each code the mistake, its reason, and an example, wrong and right.

The examples are about the domain `billing` of a workspace `acme`. A test runs the check on each.
"""

from __future__ import annotations

from typing import Final

from aether_tools.check.contracts.explanations import CONTRACT_EXPLANATIONS
from aether_tools.check.explanation import Explanation

_EVENTS_FILE: Final = """\
from aether_adapters.kernel.events import OutgoingEvent

from acme.billing.v1 import events as contract
from acme_billing.domain.events import InvoiceCreated

CREATED = contract.InvoiceCreated.TYPE
TOPIC = contract.TOPIC
SOURCE = "acme-billing"


def outgoing(event: InvoiceCreated) -> OutgoingEvent:
    message = contract.InvoiceCreated(id=event.invoice_id)
    return OutgoingEvent(
        type=message.TYPE,
        topic=TOPIC,
        key=str(event.invoice_id),
        payload=contract.to_bytes(message),
        source=SOURCE,
        occurred_at=event.occurred_at,
    )
"""
_CONTAINER: Final = """\
from aether_adapters.service import wiring
from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import Singleton

from acme_billing.adapters.consumer import handlers
from acme_billing.adapters.events import TOPIC


class Container(DeclarativeContainer):
    consumer = Singleton(wiring.consumer, None, "acme-billing", [TOPIC], Singleton(handlers))
"""
_CREATE: Final = """\
from dataclasses import dataclass

from acme.billing.v1 import port
from acme.billing.v1.types import CreateInvoiceRequest, Invoice


@dataclass(frozen=True, slots=True)
class CreateInvoice(port.CreateInvoice):
    def __call__(self, request: CreateInvoiceRequest, /) -> Invoice:
        {}
"""
_WIRED: Final = """\
from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import Singleton

from acme.billing.v1.port import BillingService
from acme_billing.adapters.sql import SqlInvoices
from acme_billing.application.close_invoice import CloseInvoice
from acme_billing.application.create_invoice import CreateInvoice


class Container(DeclarativeContainer):
    invoices = Singleton(SqlInvoices)
    service = Singleton(
        BillingService,
        create_invoice=Singleton(CreateInvoice, invoices=invoices),
        close_invoice=Singleton(CloseInvoice, invoices=invoices),
    )
"""
_WORKER: Final = """\
class Container(DeclarativeContainer):
    settings = Singleton(Settings)
    backing = Singleton(BackingServices, settings)
    relay = Singleton(wiring.outbox_relay, backing, outbox=OUTBOX, inbox=INBOX)
    tidy = Singleton(Periodic, "forget keys", forget_keys, KEY_PRUNING_SECONDS, ERRORS)
    worker = Dict(relay=relay.provider, tidy=tidy.provider)
    process = Singleton(assemble, backing, roles, servers, worker)
"""
_STATUS: Final = """\
from enum import Enum


class Word(Enum):
    OPEN = 1
    CLOSED = 2


class Status(Enum):
    OPEN = "open"
    CLOSED = "closed"


def status_of(word: Word) -> Status:
    match word:
        case Word.OPEN:
            return Status.OPEN
        case Word.CLOSED:
            return Status.CLOSED
"""
_SETTINGS: Final = """\
from aether_adapters.service.settings import ServiceSettings
from pydantic import Field, SecretStr


class Settings(ServiceSettings):
    mail_secret: SecretStr = Field(min_length=16, description="Signs mails.")

    @property
    def mail_key(self) -> bytes:
        return self.mail_secret.get_secret_value().encode()
"""
_REPOSITORY: Final = """\
from acme_billing.adapters.events import outgoing
from acme_billing.domain.bill import Bill


class SqlBills:
    def save(self, bill: Bill, /) -> None:
        self._connection.execute(update_of(bill))
        self._outbox.add(*(outgoing(event) for event in bill.events))
"""
_USE_CASE: Final = """\
from dataclasses import dataclass

from acme.billing.v1 import port, types
from acme_billing.application.ports import Presences, Transactions


@dataclass(frozen=True, slots=True)
class CloseInvoice(port.CloseInvoice):
    transactions: Transactions
    presences: Presences

    def __call__(self, request: types.CloseInvoiceRequest, /) -> types.Invoice:
        self.transactions.run(lambda unit: unit.invoices.add(request.id))
        self.presences.gone(request.id)
        return types.Invoice(id=request.id)
"""
_WORK: Final = "unit.invoices.add(request.id)"
_MIGRATION: Final = """\
from alembic import op
from sqlalchemy import Column, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("invoices", Column("note", Text))


def downgrade() -> None:
    op.drop_column("invoices", "note")
"""

EXPLANATIONS: Final = {
    "effect-import": Explanation(
        "The domain or a use case imports something that reads a clock, makes random numbers, opens files or "
        "connections, starts threads or reads the environment.",
        "The core then gives another result each time, so it cannot be tested without the machine it runs on. Only "
        "the pure part of the standard library is allowed in domain/; application/ may also use locks and logging.",
        "domain/rules.py",
        "from time import monotonic\n\n\ndef overdue(due: float) -> bool:\n    return monotonic() > due\n",
        "from datetime import datetime\n\n\ndef overdue(due: datetime, *, now: datetime) -> bool:\n    return now > due\n",
    ),
    "effect-use": Explanation(
        "The domain or a use case uses a name with an effect from a module that is otherwise pure, such as `datetime.now`.",
        "A reference counts as much as a call: `field(default_factory=datetime.now)` reads the clock later.",
        "domain/rules.py",
        "from dataclasses import dataclass, field\nfrom datetime import datetime\n\n\n"
        "@dataclass(frozen=True)\nclass Reminder:\n    sent_at: datetime = field(default_factory=datetime.now)\n",
        "from dataclasses import dataclass\nfrom datetime import datetime\n\n\n"
        "@dataclass(frozen=True)\nclass Reminder:\n    sent_at: datetime\n",
    ),
    "import-dynamic": Explanation(
        "The domain or a use case imports a module, or takes a name from one, that is known only at run time.",
        "No import rule can see what it gets.",
        "domain/rules.py",
        'import importlib\n\nCLOCK = getattr(importlib, "import_module")("time")\n',
        "from decimal import Decimal\n\nRATE = Decimal(1)\n",
    ),
    "state-unfrozen": Explanation(
        "A dataclass of domain/, or a use case, is not frozen.",
        "An aggregate that changes in place escapes the versioned save: two requests may store one version. A use case "
        "is one object for all threads.",
        "domain/line.py",
        "from dataclasses import dataclass\n\n\n@dataclass\nclass Line:\n    cents: int\n",
        "from dataclasses import dataclass\n\n\n@dataclass(frozen=True, slots=True)\nclass Line:\n    cents: int\n",
    ),
    "state-field": Explanation(
        "A frozen dataclass of domain/ has a field that changes in place, such as a list.",
        "Whoever holds the list changes the aggregate, without a version and without an event.",
        "domain/line.py",
        "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Bill:\n    lines: list[int]\n",
        "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Bill:\n    lines: tuple[int, ...]\n",
    ),
    "state-assigned": Explanation(
        "A function of domain/ assigns an attribute of an object, outside of its constructor.",
        "A change of an aggregate returns a new one, which carries the event and the version that was loaded.",
        "domain/line.py",
        "class Bill:\n    def __init__(self) -> None:\n        self.open = True\n\n"
        "    def close(self) -> None:\n        self.open = False\n",
        "from dataclasses import dataclass, replace\n\n\n@dataclass(frozen=True)\nclass Bill:\n    open: bool = True\n\n"
        '    def close(self) -> "Bill":\n        return replace(self, open=False)\n',
    ),
    "state-module": Explanation(
        "A module of domain/ or application/ remembers something: a container that is filled later, a counter, a lock, "
        "`global`, or a default argument that all calls share.",
        "It differs from one process to the next, is lost with each restart, and no lock guards it.",
        "application/names.py",
        "_SEEN: set[str] = set()\n\n\ndef is_new(name: str) -> bool:\n    found = name in _SEEN\n"
        "    _SEEN.add(name)\n    return not found\n",
        "from collections.abc import Collection\n\n\ndef is_new(name: str, seen: Collection[str]) -> bool:\n"
        "    return name not in seen\n",
    ),
    "exception-swallowed": Explanation(
        "An exception ends without a trace: a bare `except`, `except Exception` without a `raise`, `pass` without a "
        "reason, `return` in `finally`, or `suppress(Exception)`.",
        "The caller gets a success that did not happen, and nobody learns why.",
        "domain/rules.py",
        "def cents(text: str) -> int:\n    try:\n        return int(text)\n    except Exception:\n        return 0\n",
        "def cents(text: str) -> int | None:\n    try:\n        return int(text)\n    except ValueError:\n        return None\n",
    ),
    "unit-nested": Explanation(
        "A unit of work opens another one.",
        "They do not commit together, and on one connection pool they may wait for each other.",
        "application/close_invoice.py",
        _USE_CASE.replace(_WORK, "self.transactions.read(lambda again: again.invoices)"),
        _USE_CASE,
    ),
    "unit-effect": Explanation(
        "A unit of work calls something outside of its database.",
        "A rollback does not undo it, and a unit of work that is run again after a deadlock repeats it. It also holds "
        "its locks while it waits.",
        "application/close_invoice.py",
        _USE_CASE.replace(_WORK, "self.presences.gone(request.id)"),
        _USE_CASE,
    ),
    "unit-write": Explanation(
        "A unit of work that only reads writes.",
        "`read` does not commit on every database, and may run on a replica.",
        "application/close_invoice.py",
        _USE_CASE.replace("transactions.run", "transactions.read"),
        _USE_CASE,
    ),
    "request-unread": Explanation(
        "A use case never reads a field of its request.",
        "A filter that filters nothing, or a caller who is never compared with the owner. A caller who only has to be "
        "signed in is said so, in the docstring or in a comment: for every caller.",
        "application/close_invoice.py",
        _USE_CASE.replace("request.id", "1"),
        _USE_CASE,
    ),
    "event-undeclared": Explanation(
        "The code names an event or a topic that no events.proto declares.",
        "It would never arrive, or the dead-letter topic would fill with it.",
        "adapters/events.py",
        _EVENTS_FILE.replace("contract.InvoiceCreated.TYPE", "contract.InvoiceOpened.TYPE"),
        _EVENTS_FILE,
    ),
    "event-literal": Explanation(
        "The code names an event or a topic by its text.",
        "A change of the contract then goes unnoticed, and the event map has a hole.",
        "adapters/events.py",
        _EVENTS_FILE.replace("contract.TOPIC", '"acme.billing.v1"'),
        _EVENTS_FILE,
    ),
    "event-topic": Explanation(
        "A domain sends its events to a topic that is not its own.",
        "Its consumers read the topic of the contract, and never see them.",
        "adapters/events.py",
        _EVENTS_FILE.replace("topic=TOPIC", 'topic="invoices"'),
        _EVENTS_FILE,
    ),
    "event-source": Explanation(
        "The source of events is not the constant SOURCE with the name of the domain's distribution.",
        "Source and id together make an event unique (CloudEvents 1.0); two domains with one source lose events.",
        "adapters/events.py",
        _EVENTS_FILE.replace('SOURCE = "acme-billing"', 'SOURCE = "shop"'),
        _EVENTS_FILE,
    ),
    "event-key": Explanation(
        "All events have one key, or an empty one.",
        "Kafka keeps the order of one key only, so the key is the id of the aggregate.",
        "adapters/events.py",
        _EVENTS_FILE.replace("key=str(event.invoice_id)", 'key=""'),
        _EVENTS_FILE,
    ),
    "event-type": Explanation(
        "An event's type is not that of its payload.",
        "A consumer reads the payload by its type, and gets an error or another event.",
        "adapters/events.py",
        _EVENTS_FILE.replace("message.TYPE", "contract.InvoiceClosed.TYPE"),
        _EVENTS_FILE,
    ),
    "event-unpublished": Explanation(
        "A domain declares an event that its adapters never make.",
        "The contract promises it, and other teams may wait for it.",
        "adapters/events.py",
        "from acme.billing.v1 import events as contract\n\nTOPIC = contract.TOPIC\n",
        _EVENTS_FILE,
    ),
    "event-unheard": Explanation(
        "A subscription's topics and the events that its handlers name do not fit each other.",
        "The handler never runs, or the consumer reads a topic for nothing.",
        "container.py",
        _CONTAINER.replace("[TOPIC]", "[]"),
        _CONTAINER,
    ),
    "event-lost": Explanation(
        "A repository stores an aggregate, but not the events that it carries.",
        "The change is stored and nobody hears of it. Events go to the outbox in the same transaction, after the row.",
        "adapters/sql.py",
        _REPOSITORY.replace("        self._outbox.add(*(outgoing(event) for event in bill.events))\n", ""),
        _REPOSITORY,
    ),
    "event-past-outbox": Explanation(
        "An adapter can send events itself, not through the outbox.",
        "An event that is sent before the commit tells of a change that may be rolled back; one sent after it may be "
        "lost. Where a log is the truth, the domain's pyproject.toml names the events: "
        '[tool.aether.check] past_outbox = ["InvoiceCreated"].',
        "adapters/announce.py",
        "from aether_adapters.kafka import Producer\n\n\ndef announce(producer: Producer) -> None:\n    producer.flush()\n",
        "from aether_adapters.sql import Outbox\n\n\ndef announce(outbox: Outbox) -> None:\n    outbox.add()\n",
    ),
    "migration-line": Explanation(
        "The migrations are not one line: two follow the same one, two have one name, or one follows none that exists.",
        "`migrate` upgrades to the newest revision, and does not know which that is. It happens when two branches add a "
        "migration each.",
        "migrations/versions/0002_note.py",
        _MIGRATION.replace('"0001"', '"0000"'),
        _MIGRATION.replace('"0001"', "None"),
    ),
    "migration-import": Explanation(
        "A migration imports code of a domain or of a contract.",
        "That code changes; the migration must do in a year what it does today.",
        "migrations/versions/0002_note.py",
        _MIGRATION.replace('"0001"', "None").replace(
            "from alembic import op\n", "from acme_billing.domain.invoice import Invoice\nfrom alembic import op\n"
        ),
        _MIGRATION.replace('"0001"', "None"),
    ),
    "migration-downgrade": Explanation(
        "A migration has no downgrade, or one that does nothing.",
        "A release that must be taken back leaves a schema that the older code does not know. Raise an exception with "
        "the reason where a step really cannot be undone.",
        "migrations/versions/0002_note.py",
        _MIGRATION.replace('"0001"', "None").replace('op.drop_column("invoices", "note")', "pass"),
        _MIGRATION.replace('"0001"', "None"),
    ),
    "migration-not-null": Explanation(
        "A migration adds a column without NULL and without a `server_default` to a table that may have rows.",
        "It passes on every empty database of the tests and fails on the first one with rows.",
        "migrations/versions/0002_note.py",
        _MIGRATION.replace('"0001"', "None").replace("Text)", "Text, nullable=False)"),
        _MIGRATION.replace('"0001"', "None").replace("Text)", 'Text, nullable=False, server_default="")'),
    ),
    "migration-pending": Explanation(
        "The tables of the adapters are not those that the migrations make on an empty database: a table, column, "
        "index, type or NULL differs.",
        "Tests that create the tables from the adapters pass, and the deployed service answers 500.",
        "migrations/versions/0002_note.py",
        _MIGRATION.replace('op.add_column("invoices", Column("note", Text))', "pass"),
        _MIGRATION,
    ),
    "migration-broken": Explanation(
        "The migrations fail on an empty database.",
        "A new environment cannot be set up.",
        "migrations/versions/0002_note.py",
        _MIGRATION.replace('"invoices"', '"invoice"'),
        _MIGRATION,
    ),
    "mapping-untested": Explanation(
        "The domain stores aggregates in rows, and no test writes them and reads them back.",
        "A conversion that rounds, cuts or swaps is right for every type and every database. The suite makes instances by the "
        "domain's own constructors and names the field that came back otherwise. A subclass of it in the domain's tests "
        "is all that is asked for: `class TestRowMappings(RowMappingSuite): package = \"acme_billing.adapters\"`.",
        "adapters/rows.py",
        "from aether_adapters.sql import RowMapping\n\n"
        "from acme_billing.adapters.tables import BILLS\nfrom acme_billing.domain.bill import Bill\n\n"
        "BILLS_MAPPING = RowMapping(Bill, BILLS)\n",
        "from acme_billing.adapters.tables import BILLS\n",
    ),
    "use-case-unwritten": Explanation(
        "A use case does nothing but raise `NotImplementedError`.",
        "`aether check --fix` writes such a class for an operation that is new in the contract. It stays a finding until "
        "it does what the contract promises.",
        "application/create_invoice.py",
        _CREATE.format('raise NotImplementedError("CreateInvoice is not written yet.")'),
        _CREATE.format("return Invoice(id=len(request.title))"),
    ),
    "container-type": Explanation(
        "An argument of a provider, also of one that stands inline, is not what its parameter's annotation says: another "
        "use case, a class instead of an object, an adapter that lacks a method or takes something else.",
        "mypy does not check a provider's arguments, so the first request fails instead.",
        "container.py",
        _WIRED.replace("CloseInvoice, invoices=invoices", "CreateInvoice, invoices=invoices"),
        _WIRED,
    ),
    "container-argument": Explanation(
        "The arguments of a provider do not match what it calls.",
        "dependency-injector reports it only when the object is made, when the service starts.",
        "container.py",
        _WIRED.replace("close_invoice=", "close_invoices="),
        _WIRED,
    ),
    "container-idle": Explanation(
        "A provider makes a consumer, relay or periodic task that `process` does not run.",
        "Its outbox is never sent, or its events never handled, and nothing fails.",
        "container.py",
        _WORKER.replace(", tidy=tidy.provider", ""),
        _WORKER,
    ),
    "container-memory": Explanation(
        "The container makes an adapter that keeps everything in memory.",
        "Its data end with the process, and each process has other data.",
        "container.py",
        _WIRED.replace("SqlInvoices", "MemoryInvoices").replace("adapters.sql", "adapters.memory"),
        _WIRED,
    ),
    "container-factory": Explanation(
        "A `Factory` makes an object with state of its own: an engine, ids, a lease, a producer, limits.",
        "Each use gets another one: two connection pools, one id given twice, a limit that counts half of the calls.",
        "container.py",
        _WORKER.replace("Singleton(BackingServices", "Factory(BackingServices").replace("Singleton\n", "Factory, Singleton\n"),
        _WORKER,
    ),
    "error-kind": Explanation(
        "An error in domain/errors.py has no kind in the ErrorTable, nor has a class it is derived from, and the domain "
        "does not catch it.",
        "The caller gets an internal error (500) instead of a sentence that says what to do.",
        "domain/errors.py",
        'class Invalid(Exception):\n    """A value breaks a rule."""\n\n\nclass TitleNotUsable(Exception): ...\n',
        'class Invalid(Exception):\n    """A value breaks a rule."""\n\n\nclass TitleNotUsable(Invalid): ...\n',
    ),
    "error-domain": Explanation(
        "The ErrorTable of a domain has another domain's name.",
        "Clients tell errors apart by domain and class, so they would take one for another.",
        "container.py",
        'ERRORS = ErrorTable("payment", {errors.Invalid: Kind.INVALID})\n',
        'ERRORS = ErrorTable("billing", {errors.Invalid: Kind.INVALID})\n',
    ),
    "enum-member": Explanation(
        "An enum of domain/ lacks a member of the contract's enum of that name: of OrderStatus for Status.",
        "A request or an event with that member cannot be handled.",
        "domain/values.py",
        "# The contract has OPEN, CLOSED and DRAFT.\n" + _STATUS,
        _STATUS.replace("\n\n\ndef", '\n    DRAFT = "draft"\n\n\ndef'),
    ),
    "enum-by-name": Explanation(
        "A member of an enum is looked up by the name of another enum's member.",
        "A member that only one of the two has is a KeyError, and the caller gets a 500; mypy cannot see it.",
        "domain/values.py",
        _STATUS.partition("    match")[0] + "    return Status[word.name]\n",
        _STATUS,
    ),
    "setting-undocumented": Explanation(
        "A setting has no description.",
        "Whoever deploys the service reads it in the reference, and in the message that refuses a wrong value.",
        "settings.py",
        _SETTINGS.replace(', description="Signs mails."', ""),
        _SETTINGS,
    ),
    "setting-unused": Explanation(
        "Nothing in the domain uses a setting.",
        "Whoever sets it waits for an effect that never comes.",
        "settings.py",
        _SETTINGS.replace("return self.mail_secret.get_secret_value().encode()", 'return b""'),
        _SETTINGS,
    ),
    "setting-untyped": Explanation(
        "A setting has no type, or one that accepts any text.",
        "A wrong value shows only where it is used, long after the start.",
        "settings.py",
        _SETTINGS.replace(": SecretStr =", " ="),
        _SETTINGS,
    ),
    "setting-environment": Explanation(
        "Something other than settings.py reads the environment.",
        "No reference lists the variable, nothing checks it at the start, and a test cannot set it without the process.",
        "adapters/mail.py",
        'import os\n\n\ndef mail_url() -> str:\n    return os.environ["MAIL_URL"]\n',
        "class Mails:\n    def __init__(self, url: str) -> None:\n        self._url = url\n",
    ),
    "setting-secret": Explanation(
        "A setting whose name ends in password, secret, token or key is plain text.",
        "It is printed with the settings, in logs and tracebacks.",
        "settings.py",
        _SETTINGS.replace(": SecretStr", ": str"),
        _SETTINGS,
    ),
    "setting-default": Explanation(
        "A secret has a default.",
        "Everyone who reads the code knows it, and a deployment that forgets the variable starts with it.",
        "settings.py",
        _SETTINGS.replace("min_length=16", 'default="for development"'),
        _SETTINGS,
    ),
    **CONTRACT_EXPLANATIONS,
}  # fmt: skip
