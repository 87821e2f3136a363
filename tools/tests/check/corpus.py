"""Mutations of a scaffolded workspace: one mistake each, and harmless changes that look like one.

The workspace is `acme` with the domain `billing` and its aggregate `Invoice`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DOMAIN: Final = "domain/invoice.py"
USE_CASE: Final = "application/create_invoice.py"
PACKAGE: Final = "domains/billing/src/acme_billing"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One edit of one file. `code` is the only code that it must give, at the line of `at`; empty if it is harmless.

    `file` is relative to the package of billing, or starts with a slash and is relative to the workspace. `old` is
    replaced by `new`; without it `new` is appended.
    """

    kind: str
    file: str
    new: str
    code: str = ""
    old: str = ""
    at: str = ""
    place: str = ""
    """The file of the finding, if it is another one than `file`."""

    @property
    def found_in(self) -> str:
        """The file of the finding, relative to the workspace."""
        return _below_workspace(self.place or self.file)

    @property
    def path(self) -> str:
        """The file, relative to the workspace."""
        return _below_workspace(self.file)

    @property
    def name(self) -> str:
        """The test's name."""
        return f"{self.kind}-{self.code or 'harmless'}-{' '.join(self.new.split())[:60]}"

    def applied(self, text: str) -> str:
        """Return the file's text with the mistake."""
        if not self.old:
            return f"{text}\n\n{self.new}\n" if text else self.new
        assert text.count(self.old) >= 1, f"{self.file} has no {self.old!r}"
        return text.replace(self.old, self.new, 1)

    def line(self, text: str) -> int:
        """Return the line of the mistake in the text, from 1."""
        wanted = self.at or self.new.split("\n")[0]
        return 1 + text[: text.rindex(wanted)].count("\n")


def _below_workspace(file: str) -> str:
    return file.removeprefix("/") if file.startswith("/") else f"{PACKAGE}/{file}"


def _effects() -> tuple[Mutation, ...]:
    kind = "effect"
    imports = {
        "import time": DOMAIN,
        "import time as t": DOMAIN,
        "from time import monotonic": DOMAIN,
        "import random": DOMAIN,
        "from random import choice": USE_CASE,
        "import secrets as s; TOKEN = s.token_hex(8)": "",
        "from secrets import token_urlsafe": DOMAIN,
        "from uuid import uuid4": DOMAIN,
        "from uuid import uuid1 as new_id": USE_CASE,
        "import os": DOMAIN,
        "import os.path": DOMAIN,
        "from os import environ": USE_CASE,
        "from os import *": DOMAIN,
        "import socket": DOMAIN,
        "import ssl": DOMAIN,
        "import sqlite3": DOMAIN,
        "import subprocess": DOMAIN,
        "import threading": DOMAIN,
        "from threading import Lock": DOMAIN,
        "from threading import Thread": USE_CASE,
        "from threading import Timer as Later": USE_CASE,
        "from concurrent.futures import ThreadPoolExecutor": USE_CASE,
        "import asyncio": USE_CASE,
        "import multiprocessing": DOMAIN,
        "import queue": DOMAIN,
        "import urllib.request": DOMAIN,
        "from http.client import HTTPConnection": DOMAIN,
        "import smtplib": USE_CASE,
        "from pathlib import Path": DOMAIN,
        "from io import open as opened": DOMAIN,
        "import tempfile": DOMAIN,
        "import shutil": USE_CASE,
        "import logging": DOMAIN,
        "import logging.handlers": USE_CASE,
        "import platform": DOMAIN,
        "import locale": DOMAIN,
        "import contextvars": DOMAIN,
        "from contextvars import ContextVar": USE_CASE,
        "import pickle": DOMAIN,
        "import inspect": DOMAIN,
        "import gc": DOMAIN,
        "import ctypes": DOMAIN,
        "import atexit": DOMAIN,
        "import signal": DOMAIN,
        "from datetime import *": DOMAIN,
        "import importlib.resources": DOMAIN,
        "def late() -> None:\n    import socket": DOMAIN,
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pathlib import Path": DOMAIN,
        "from aether_adapters.kernel.clock import SystemClock": USE_CASE,
        "import importlib\nSYSTEM = importlib.import_module('os')": DOMAIN,
        "SYSTEM = __import__('os')": DOMAIN,
    }
    uses = {
        "def stamp() -> datetime:\n    return datetime.now()": DOMAIN,
        "def stamp() -> datetime:\n    return datetime.utcnow()": DOMAIN,
        "def stamp() -> object:\n    return datetime.today()": DOMAIN,
        "from datetime import datetime as d\nSTARTED = d.now()": DOMAIN,
        "import datetime as dt\nSTARTED = dt.datetime.now(dt.UTC)": DOMAIN,
        "from datetime import date\nTODAY = date.today()": DOMAIN,
        "STAMP = datetime.now": DOMAIN,
        "@dataclass(frozen=True)\nclass Seen:\n    at: datetime = field(default_factory=datetime.now)": DOMAIN,
        "def stamp(now=datetime.now):\n    return now()": DOMAIN,
        "from functools import partial\nSTAMP = partial(datetime.now, None)": DOMAIN,
        "STAMP = getattr(datetime, 'now')": DOMAIN,
        "STAMP = datetime.__dict__['now']": DOMAIN,
        "STAMP = vars(datetime)['now']": DOMAIN,
        "def stamp(of: datetime) -> datetime:\n    return type(of).now()": DOMAIN,
        "class Moment(datetime):\n    pass\nSTAMP = Moment.now()": DOMAIN,
        "import uuid\nID = uuid.uuid4()": DOMAIN,
        "import secrets\nID = secrets.token_hex()": USE_CASE,
        "import pathlib\nHERE = pathlib.Path('.')": DOMAIN,
        "import io\nFILE = io.open('x')": DOMAIN,
        "import sys\nWORDS = sys.argv": DOMAIN,
        "import sys\nsys.stdout.write('x')": USE_CASE,
        "import sys\nsys.exit(1)": USE_CASE,
        "import codecs\nFILE = codecs.open('x')": DOMAIN,
        "import threading\nthreading.Thread(target=print)": USE_CASE,
        "import decimal\ndecimal.getcontext().prec = 9": "",
        "import decimal\nCONTEXT = decimal.getcontext()": DOMAIN,
        "from contextlib import contextmanager\nimport contextlib\nX = contextlib.chdir('/')": DOMAIN,
        "def read() -> str:\n    with open('x') as file:\n        return file.read()": DOMAIN,
        "def tell() -> None:\n    print('closed')": DOMAIN,
        "def ask() -> str:\n    return input()": USE_CASE,
        "def stop() -> None:\n    breakpoint()": DOMAIN,
        "def stop() -> None:\n    raise SystemExit(1)": DOMAIN,
        "import builtins\nFILE = builtins.open('x')": DOMAIN,
        "READ = open": DOMAIN,
        "NAMES = globals()": DOMAIN,
        "LATER = lambda: datetime.now()": USE_CASE + "!",
    }
    places = {
        "def stamp() -> datetime:\n    return datetime.now()": "    return",
        "def stamp() -> datetime:\n    return datetime.utcnow()": "    return",
        "def stamp() -> object:\n    return datetime.today()": "    return",
        "def stamp(of: datetime) -> datetime:\n    return type(of).now()": "    return",
    }
    dynamic = {
        "import sys\nX = sys.modules['os']": DOMAIN,
        "from importlib import import_module\nX = import_module('o' + 's')": DOMAIN,
        "import importlib\nX = getattr(importlib, 'import_module')('os')": DOMAIN,
        "import importlib\nX = getattr(importlib, 'import_' + 'module')('os')": DOMAIN,
        "import importlib\nload = importlib.import_module": DOMAIN,
        "import importlib.util\nX = importlib.util.find_spec('os')": DOMAIN,
        "import pkgutil\nX = pkgutil.resolve_name('os:environ')": DOMAIN,
        "import runpy\nX = runpy.run_module('os')": USE_CASE,
        "X = __import__('o' + 's')": DOMAIN,
        "X = eval('1')": DOMAIN,
        "exec('import os')": DOMAIN,
        "X = compile('1', 'x', 'eval')": DOMAIN,
        "X = __builtins__": DOMAIN,
        "X = __loader__": DOMAIN,
        "X = getattr(datetime, 'n' + 'ow')": DOMAIN,
    }
    found = []
    for text, file in imports.items():
        lines = text.split("\n")
        at = next(line for line in reversed(lines) if "import" in line)
        if file:
            found.append(Mutation(kind, file, text, "effect-import", at=at))
    for text, file in uses.items():
        if file.endswith("!"):
            file, text = file[:-1], f"from datetime import datetime\n{text}"
        elif file == USE_CASE and "datetime" in text:
            continue
        if file:
            found.append(Mutation(kind, file, text, "effect-use", at=places.get(text, _effect_line(text))))
    found += [
        Mutation(kind, file, text, "import-dynamic", at=text.split("\n")[-1])
        for text, file in dynamic.items()
    ]
    harmless = {
        "from datetime import UTC, timedelta\nDAY = timedelta(days=1)": DOMAIN,
        "import datetime as dt\nEPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)": DOMAIN,
        "def same(a: datetime) -> bool:\n    return a == datetime.fromisoformat('2030-01-01')": DOMAIN,
        "from uuid import UUID\nNIL = UUID(int=0)": DOMAIN,
        "import uuid\nNIL = uuid.UUID(int=0)": DOMAIN,
        "from uuid import NAMESPACE_URL, uuid5\nID = uuid5(NAMESPACE_URL, 'x')": DOMAIN,
        "from secrets import compare_digest": DOMAIN,
        "from hashlib import sha256\nDIGEST = sha256(b'x').hexdigest()": DOMAIN,
        "from decimal import ROUND_HALF_EVEN, Decimal": DOMAIN,
        "import decimal\ndef half(x: decimal.Decimal) -> decimal.Decimal:\n    with decimal.localcontext() as c:\n"
        "        return x / 2": DOMAIN,
        "from pathlib import PurePosixPath": DOMAIN,
        "from io import BytesIO, StringIO": DOMAIN,
        "import sys\nLIMIT = sys.maxsize": DOMAIN,
        "from threading import Lock, RLock": USE_CASE,
        "import logging": USE_CASE,
        "from logging import getLogger": USE_CASE,
        "from zoneinfo import ZoneInfo": DOMAIN,
        "from urllib.parse import quote": DOMAIN,
        "import json, re, math, statistics, fractions": DOMAIN,
        "import collections.abc": DOMAIN,
        "from functools import cache, lru_cache": DOMAIN,
        "from contextlib import contextmanager, suppress": DOMAIN,
        "def first(open: int) -> int:\n    return open": DOMAIN,
        "def first(time: datetime) -> int:\n    return time.hour": DOMAIN,
        "def read(print: str) -> str:\n    random = print.upper()\n    return random.lower()": DOMAIN,
        "class Door:\n    def open(self) -> int:\n        return self.compile()\n    def compile(self) -> int:\n        return 1":
        DOMAIN,
        "import re\nWORD = re.compile('x')": DOMAIN,
        "import importlib\nX = importlib.import_module('decimal')": DOMAIN,
        "from acme_billing.domain import values\nX = getattr(values, 'Title')": DOMAIN,
        "def get(of: object, name: str) -> object:\n    return getattr(of, name)": DOMAIN,
        "def show(of: object) -> object:\n    return vars(of)['x']": DOMAIN,
        "from aether_adapters.kernel.errors import Exhausted": USE_CASE,
        "def now(clock: object) -> object:\n    return clock": USE_CASE,
        "import time": "adapters/redis.py",
        "from uuid import uuid4\nID = uuid4()": "adapters/redis.py",
        "import os": "container.py",
        "from __future__ import annotations": "",
        "from itertools import groupby, pairwise": DOMAIN,
        "from operator import attrgetter": DOMAIN,
        "from types import MappingProxyType": DOMAIN,
    }  # fmt: skip
    found += [Mutation(kind, file, text) for text, file in harmless.items() if file]
    return tuple(found)


def _effect_line(text: str) -> str:
    lines = text.split("\n")
    for word in (
        "open(",
        "print(",
        "input()",
        "breakpoint",
        "SystemExit",
        "default_factory",
        "def stamp(now=",
    ):
        for line in lines:
            if word in line:
                return line
    return lines[-1]


def _state() -> tuple[Mutation, ...]:
    kind = "state"
    frozen = "@dataclass(frozen=True, slots=True, kw_only=True)"
    found = [
        Mutation(kind, DOMAIN, "@dataclass(slots=True, kw_only=True)", "state-unfrozen", frozen, "class Invoice:"),
        Mutation(kind, DOMAIN, "@dataclass", "state-unfrozen", frozen, "class Invoice:"),
        Mutation(kind, DOMAIN, "@dataclass(frozen=False, slots=True)", "state-unfrozen", frozen, "class Invoice:"),
        Mutation(kind, "domain/values.py", "@dataclass(slots=True)", "state-unfrozen",
                 "@dataclass(frozen=True, slots=True)", "class Title:"),
        Mutation(kind, "domain/events.py", "@dataclass(kw_only=True)", "state-unfrozen", frozen, "class InvoiceCreated:"),
        Mutation(kind, USE_CASE, "@dataclass(slots=True, kw_only=True)", "state-unfrozen", frozen,
                 "class CreateInvoice("),
        Mutation(kind, DOMAIN, "import dataclasses as dc\n@dc.dataclass\nclass Line:\n    cents: int", "state-unfrozen",
                 at="class Line:"),
    ]  # fmt: skip
    for annotation in (
        "list[str]", "dict[str, int]", "set[int]", "bytearray", "tuple[list[int], ...]", "list[str] | None",
        '"list[str]"', "typing.List[str]", "collections.deque[int]", "collections.abc.MutableMapping[str, int]",
    ):  # fmt: skip
        found.append(
            Mutation(
                kind, DOMAIN,
                f"import collections.abc, typing\n{frozen}\nclass Line:\n    notes: {annotation}",
                "state-field", at=f"    notes: {annotation}",
            )
        )  # fmt: skip
    assigned = {
        "def close(invoice: Invoice) -> None:\n    invoice.title = None": "    invoice.title",
        "def close(invoice: Invoice) -> None:\n    object.__setattr__(invoice, 'version', 2)": "    object.__setattr__",
        "def close(invoice: Invoice) -> None:\n    setattr(invoice, 'version', 2)": "    setattr",
        "class Basket:\n    def __init__(self) -> None:\n        self.total = 0\n    def add(self, cents: int) -> None:\n"
        "        self.total += cents": "        self.total += ",
        "class Basket:\n    def __init__(self) -> None:\n        self.items = ()\n    def clear(self) -> None:\n"
        "        del self.items": "        del self.items",
        "class Basket:\n    def put(self, item: str) -> None:\n        self.items.append(item)": "        self.items.append",
        "class Basket:\n    def put(self, item: str) -> None:\n        self.items[item] = 1": "        self.items[item]",
    }
    found += [Mutation(kind, DOMAIN, text, "state-assigned", at=at) for text, at in assigned.items()]
    states = {
        "_SEEN: set[int] = set()": "",
        "_CACHE: dict[int, str] = {}": "",
        "_LAST = []": "",
        "import collections\n_COUNTS = collections.Counter()": "_COUNTS",
        "from collections import defaultdict\n_BY_ID = defaultdict(list)": "_BY_ID",
        "from itertools import count\n_IDS = count(1)": "_IDS",
        "_TERMS = {'a': 1}\ndef learn() -> None:\n    _TERMS['b'] = 2": "_TERMS = ",
        "_ORDER = ['a']\ndef learn() -> None:\n    _ORDER.append('b')": "_ORDER = ",
        "_COUNT = 0\ndef learn() -> None:\n    global _COUNT\n    _COUNT += 1": "    global",
        "class Registry:\n    known: dict[str, int] = {}": "    known",
        "def learn(seen: list[int] = []) -> list[int]:\n    return seen": "def learn",
        "def learn(seen: set[int] = set()) -> set[int]:\n    return seen": "def learn",
        "def learn() -> None: ...\nlearn.calls = 0": "learn.calls",
        "def make(seen={}):\n    return seen": "def make",
    }
    for text, at in states.items():
        found.append(Mutation(kind, USE_CASE, text, "state-module", at=at))
        found.append(Mutation(kind, DOMAIN, text, "state-module", at=at))
    found.append(
        Mutation(kind, USE_CASE, "from threading import Lock\n_LOCK = Lock()", "state-module", at="_LOCK")
    )
    harmless = {
        "_TERMS = {'a': 1, 'b': 2}": DOMAIN,
        "from typing import Final\n_WORDS: Final = ['a', 'b']": DOMAIN,
        "__all__ = ['Invoice']": DOMAIN,
        "_WORDS = frozenset({'a'})": DOMAIN,
        "from types import MappingProxyType\n_TERMS = MappingProxyType({'a': 1})": DOMAIN,
        "def words() -> list[str]:\n    found: list[str] = []\n    found.append('a')\n    return found": DOMAIN,
        "def words() -> dict[str, int]:\n    found = {}\n    found['a'] = 1\n    return found": DOMAIN,
        "from functools import cache\n@cache\ndef words() -> tuple[str, ...]:\n    return ('a',)": DOMAIN,
        "class Money:\n    __slots__ = ('cents',)\n    def __init__(self, cents: int) -> None:\n        self.cents = cents":
        DOMAIN,
        "@dataclass(frozen=True)\nclass Line:\n    note: str\n    def __post_init__(self) -> None:\n"
        "        object.__setattr__(self, 'note', self.note.strip())": DOMAIN,
        "from collections.abc import Mapping\n@dataclass(frozen=True)\nclass Line:\n    notes: Mapping[str, int]": DOMAIN,
        "from collections.abc import Callable\n@dataclass(frozen=True)\nclass Line:\n    of: Callable[[list[int]], int]":
        DOMAIN,
        "@dataclass(frozen=True)\nclass Line:\n    notes: tuple[str, ...] = ()": DOMAIN,
        "import typing\nclass Line(typing.NamedTuple):\n    cents: int": DOMAIN,
        "class Refused(Exception):\n    def __init__(self, cents: int) -> None:\n        self.cents = cents": DOMAIN,
        "@dataclass(slots=True)\nclass _Memory:\n    ring: int = 0": USE_CASE,
        "def total(invoices: list[Invoice]) -> int:\n    return len(invoices)": DOMAIN,
        "def find(wanted: int | None = None, among: tuple[int, ...] = ()) -> int | None:\n    return wanted": DOMAIN,
    }  # fmt: skip
    return (*found, *(Mutation(kind, file, text) for text, file in harmless.items()))


def _exceptions() -> tuple[Mutation, ...]:
    kind, code = "exception", "exception-swallowed"
    body = "def try_it() -> object:\n    try:\n        return work()\n    "
    handlers = {
        "except:\n        pass": "    except:",
        "except:\n        return None": "    except:",
        "except BaseException:\n        return None": "    except BaseException",
        "except Exception:\n        pass": "    except Exception",
        "except Exception:\n        return None": "    except Exception",
        "except Exception as error:\n        return str(error)": "    except Exception",
        "except (ValueError, Exception):\n        return False": "    except (",
        "except ValueError:\n        pass": "    except ValueError",
        "except (KeyError, ValueError):\n        ...": "    except (",
        "finally:\n        return None": "    try:",
    }
    found = [
        Mutation(kind, file, body + text, code, at=at)
        for text, at in handlers.items()
        for file in (DOMAIN, USE_CASE)
    ]
    found += [
        Mutation(kind, "adapters/redis.py", body + "except Exception:\n        pass", code, at="    except Exception"),
        Mutation(kind, "adapters/redis.py", body + "except:\n        return None", code, at="    except:"),
        Mutation(
            kind, USE_CASE, "from contextlib import suppress\ndef f() -> None:\n    with suppress(Exception):\n        work()",
            code, at="    with suppress",
        ),
        Mutation(
            kind, DOMAIN, "class Guard:\n    def __exit__(self, *error: object) -> bool:\n        return True", code,
            at="    def __exit__",
        ),
    ]  # fmt: skip
    harmless = (
        body + "except ValueError:\n        return None",
        body + "except ValueError as error:\n        raise KeyError from error",
        body + "except Exception:\n        undo()\n        raise",
        body + "except BaseException:\n        undo()\n        raise",
        body + "except ValueError:\n        pass  # another process was faster, which is as good",
        body + "except ValueError:\n        # Another process was faster.\n        pass",
        body + "finally:\n        undo()",
        "from contextlib import suppress\ndef f() -> None:\n    with suppress(KeyError):\n        work()",
        "def f() -> int:\n    for each in (1, 2):\n        try:\n            return work()\n        except KeyError:\n"
        "            continue\n    return 0",
    )
    found += [Mutation(kind, file, text) for text in harmless for file in (DOMAIN, USE_CASE)]
    found.append(
        Mutation(
            kind,
            "adapters/redis.py",
            body + "except Exception as error:\n        log(error)\n        return None",
        )
    )
    return tuple(found)


def _units() -> tuple[Mutation, ...]:
    kind, close, get = "unit", "application/close_invoice.py", "application/get_invoice.py"
    work = "            return unit.invoices.save("
    adding = "self.transactions.run(lambda unit: unit.invoices.add(invoice))"
    getting = "unit.invoices.get(request.id, owner=owner)"
    return (
        Mutation(kind, close, f"            self.transactions.run(lambda again: again.inbox)\n{work}", "unit-nested", work),
        Mutation(kind, close, f"            self.transactions.read(lambda again: again.inbox)\n{work}", "unit-nested", work),
        Mutation(kind, USE_CASE, 'self.transactions.run(lambda unit: self.allowance.take("x"))', "unit-effect", adding),
        Mutation(kind, USE_CASE, adding.replace("run(", "read("), "unit-write", adding),
        Mutation(kind, get, f'unit.tallies.add("x", None) or {getting}', "unit-write", getting),
        Mutation(kind, get, f'unit.inbox.first_time("x", "y") and {getting}', "", getting),
        Mutation(kind, close, f"            seen_at = self.clock.now()\n            del seen_at\n{work}", "", work),
        Mutation(kind, USE_CASE, "self.transactions.run(lambda unit: unit.invoices.get(1, owner=caller))", "", adding),
    )  # fmt: skip


def _requests() -> tuple[Mutation, ...]:
    kind, code, call = "request", "request-unread", "    def __call__"
    close, listing, get = (
        "application/close_invoice.py",
        "application/list_invoices.py",
        "application/get_invoice.py",
    )
    body = """        now = self.clock.now()

        def close(unit: UnitOfWork) -> Invoice:
            invoice = unit.invoices.get(request.id, owner=request.caller.subject)
            return unit.invoices.save(invoice.close(version=request.version, now=now))

        return invoice_view(self.transactions.run(close))"""
    unwritten = "raise NotImplementedError"
    return (
        Mutation(kind, close, f"        {unwritten}", "use-case-unwritten", body, call),
        Mutation(kind, close, f'        {unwritten}("later")', "use-case-unwritten", body, call),
        Mutation(kind, close, "        ...", "use-case-unwritten", body, call),
        Mutation(kind, close, f"        if self.clock is None:\n            {unwritten}\n{body}", "", body),
        Mutation(kind, get, '"ada"', code, "request.caller.subject", call),
        Mutation(kind, close, '"ada"', code, "request.caller.subject", call),
        Mutation(kind, close, "1", code, "request.version", call),
        Mutation(kind, close, "1", code, "request.id", call),
        Mutation(kind, listing, "0", code, "request.page_size", call),
        Mutation(kind, listing, '""', code, "request.page_token", call),
        Mutation(
            kind, listing, "None", code, "None if request.status is None else status_of(request.status)", call
        ),
        Mutation(kind, USE_CASE, '"x"', code, "request.title", call),
        Mutation(kind, get, '"ada"  # every caller may see it', "", "request.caller.subject"),
        Mutation(
            kind,
            get,
            "wanted = request\n        owner = wanted.caller.subject",
            "",
            "owner = request.caller.subject",
        ),
    )


def _events() -> tuple[Mutation, ...]:
    kind = "event"
    events, consumer, container, sql = (
        "adapters/events.py",
        "adapters/consumer.py",
        "container.py",
        "adapters/sql.py",
    )
    proto = "/proto/acme/billing/v1/events.proto"
    found = [
        Mutation(kind, events, 'topic="acme.billing.v1"', "event-literal", "topic=TOPIC"),
        Mutation(kind, events, 'TOPIC = "acme.billing.v1"', "event-literal", "TOPIC = contract.TOPIC"),
        Mutation(kind, events, 'topic="invoices"', "event-topic", "topic=TOPIC"),
        Mutation(kind, events, 'topic="acme.billing.v2"', "event-undeclared", "topic=TOPIC"),
        Mutation(kind, events, 'type="acme.billing.v1.InvoiceCreated"', "event-literal", "type=message.TYPE"),
        Mutation(kind, events, 'type="acme.billing.v1.InvoiceOpened"', "event-undeclared", "type=message.TYPE"),
        Mutation(kind, events, "type=contract.InvoiceClosed.TYPE", "event-type", "type=message.TYPE"),
        Mutation(kind, events, 'source="acme-billing"', "event-source", "source=SOURCE"),
        Mutation(kind, events, 'SOURCE = "acme-biling"', "event-source", 'SOURCE = "acme-billing"'),
        Mutation(kind, events, 'SOURCE = "billing"', "event-source", 'SOURCE = "acme-billing"'),
        Mutation(kind, events, 'key=""', "event-key", "key=str(event.invoice_id)"),
        Mutation(kind, events, 'key="invoice"', "event-key", "key=str(event.invoice_id)"),
        Mutation(kind, events, "key=str()", "event-key", "key=str(event.invoice_id)"),
        Mutation(kind, events, "key=str(0)", "event-key", "key=str(event.invoice_id)"),
        Mutation(kind, events, 'key=f"invoice"', "event-key", "key=str(event.invoice_id)"),
        Mutation(kind, consumer, 'return {"acme.billing.v1.InvoiceCreated": note}', "event-literal",
                 "return dict.fromkeys(TYPES, note)"),
        Mutation(kind, consumer, 'return {"acme.billing.v1.InvoicePaid": note}', "event-undeclared",
                 "return dict.fromkeys(TYPES, note)"),
        Mutation(kind, events, "TYPES = (contract.InvoiceCreated.TYPE, contract.InvoicePaid.TYPE)", "event-undeclared",
                 "TYPES = (contract.InvoiceCreated.TYPE, contract.InvoiceClosed.TYPE)"),
        Mutation(kind, events, "case contract.InvoicePaid() as closed:", "event-undeclared",
                 "case contract.InvoiceClosed() as closed:"),
        Mutation(kind, container, "[]", "event-unheard", "[TOPIC]", "consumer = Singleton("),
        Mutation(kind, container, '["acme.billing.v1"]', "event-literal", "[TOPIC]"),
        Mutation(kind, events, "TYPES = ()", "event-unheard",
                 "TYPES = (contract.InvoiceCreated.TYPE, contract.InvoiceClosed.TYPE)", "consumer = Singleton(",
                 container),
        Mutation(kind, sql, "pass", "event-lost", "self._publish(invoice)", "def add(self, invoice"),
        Mutation(kind, events, "return contract.InvoiceCreated(", "event-unpublished", "return contract.InvoiceClosed(",
                 "message InvoiceClosed", proto),
        Mutation(kind, "adapters/redis.py", "from aether_adapters.kafka import Producer", "event-past-outbox"),
        Mutation(kind, "adapters/redis.py", "from aether_adapters.kafka import BatchingProducer as P", "event-past-outbox"),
        Mutation(kind, "adapters/redis.py", "import confluent_kafka", "event-past-outbox"),
        Mutation(kind, "adapters/redis.py", "from confluent_kafka import Producer", "event-past-outbox"),
        Mutation(kind, "adapters/redis.py", "from aether_adapters.kafka.producer import Producer", "event-past-outbox"),
    ]  # fmt: skip
    found += [
        Mutation(kind, events, 'NAME = "acme"'),
        Mutation(kind, events, '"""The topic of acme.billing.v1 is in the contract."""'),
        Mutation(kind, events, "key=str(event.owner)", old="key=str(event.invoice_id)"),
        Mutation(kind, events, "topic=contract.TOPIC", old="topic=TOPIC"),
        Mutation(kind, events, "TYPES = (contract.InvoiceCreated.TYPE,)",
                 old="TYPES = (contract.InvoiceCreated.TYPE, contract.InvoiceClosed.TYPE)"),
        Mutation(kind, consumer, "return {each: note for each in TYPES}", old="return dict.fromkeys(TYPES, note)"),
        Mutation(kind, "adapters/redis.py", "from aether_adapters.kafka import BatchHandler"),
        Mutation(kind, proto, "// The end."),
    ]  # fmt: skip
    return tuple(found)


def _migrations() -> tuple[Mutation, ...]:
    kind = "sql"
    folder = "/domains/billing/migrations/versions"
    first, second = f"{folder}/0001_first.py", f"{folder}/0002_more.py"
    ports, sql = "/domains/billing/tests/test_ports.py", "adapters/sql.py"
    suite = "from aether_adapters.testing.row_mappings import RowMappingSuite"
    head = "from alembic import op\nfrom sqlalchemy import BigInteger, Column, Text\n\n"

    def more(
        step: str, *, name: str = "0002", before: str = '"0001"', imports: str = "", down: str = ""
    ) -> str:
        undone = down or 'op.drop_column("invoices", "note")'
        return (
            f'{head}{imports}revision = "{name}"\ndown_revision = {before}\n\n\ndef upgrade() -> None:\n'
            f"    {step}\n\n\ndef downgrade() -> None:\n    {undone}\n"
        )

    nullable = 'op.add_column("invoices", Column("note", Text))'
    required = 'op.add_column("invoices", Column("note", Text, nullable=False))'
    default = 'op.add_column("invoices", Column("note", Text, nullable=False, server_default=""))'
    batch = 'with op.batch_alter_table("invoices") as batch:\n        batch.'
    alter = 'op.alter_column("invoices", "closed_at", nullable=False)'
    fill = 'op.execute("UPDATE invoices SET closed_at = created_at")'
    found = [
        Mutation(kind, second, more(nullable, before="None"), "migration-line", at="down_revision"),
        Mutation(kind, second, more(nullable, before='"0000"'), "migration-line", at="down_revision"),
        Mutation(kind, second, more(nullable, name="0001", before="None"), "migration-line", at="down_revision"),
        Mutation(kind, second, more(nullable, imports="from acme_billing.adapters.sql import METADATA\n"),
                 "migration-import", at="from acme_billing"),
        Mutation(kind, second, more(nullable, imports="import acme_billing.domain.values as values\n"),
                 "migration-import", at="import acme_billing"),
        Mutation(kind, second, more(nullable, imports="from acme.billing.v1 import types\n"),
                 "migration-import", at="from acme.billing"),
        Mutation(kind, second, more(nullable, imports="from acme_openapi import billing\n"),
                 "migration-import", at="from acme_openapi"),
        Mutation(kind, first, "def upgrade() -> None:\n    from acme_billing.domain.values import Status", "migration-import",
                 "def upgrade() -> None:", "    from acme_billing"),
        Mutation(kind, second, more(nullable, down="pass"), "migration-downgrade", at="def downgrade"),
        Mutation(kind, second, more(nullable, down="..."), "migration-downgrade", at="def downgrade"),
        Mutation(kind, second, more(nullable, down='with op.batch_alter_table("invoices") as batch:\n        pass'),
                 "migration-downgrade", at="def downgrade"),
        Mutation(kind, second, more(nullable, down="return"), "migration-downgrade", at="def downgrade"),
        Mutation(kind, second, more(nullable).partition("\n\n\ndef downgrade")[0], "migration-downgrade", at="def upgrade"),
        Mutation(kind, second, more(required), "migration-not-null", at="    op.add_column"),
        Mutation(kind, second, more(batch + 'add_column(Column("note", Text, nullable=False))'), "migration-not-null",
                 at="        batch.add"),
        Mutation(kind, second, more(alter), "migration-not-null", at="    op.alter"),
        Mutation(kind, second, more(batch + 'alter_column("closed_at", nullable=False)'), "migration-not-null",
                 at="        batch.alter"),
        Mutation(kind, second, more(f"{alter}\n    {fill}"), "migration-not-null", at="    op.alter"),
        Mutation(kind, second, more('op.add_column("invoices", Column("note", Text, primary_key=True))'),
                 "migration-not-null", at="    op.add"),
        Mutation(kind, second, "def upgrade(:", "python-syntax", at="def upgrade("),
        Mutation(kind, ports, "", "mapping-untested", suite, "INVOICES_MAPPING = RowMapping(", sql),
        Mutation(kind, ports, "from aether_adapters.testing.row_mappings_own import RowMappingSuite", "mapping-untested",
                 suite, "INVOICES_MAPPING = RowMapping(", sql),
    ]  # fmt: skip
    harmless = [
        more(nullable),
        more(default),
        more(f"{fill}\n    {alter}"),
        more('op.create_table("notes", Column("text", Text, nullable=False))', down='op.drop_table("notes")'),
        more(
            'op.create_table("notes", Column("id", BigInteger))\n'
            '    op.add_column("notes", Column("text", Text, nullable=False))',
            down='op.drop_table("notes")',
        ),
        more(
            'op.drop_column("invoices", "closed_at")', down='raise NotImplementedError("the times are gone")'
        ),
        more(nullable, imports="from aether_adapters.sql import exact\n"),
        more("pass", down="pass"),
    ]
    return (
        *found,
        *(Mutation(kind, second, text) for text in harmless),
        Mutation(
            kind,
            ports,
            "from aether_adapters.testing.row_mappings import assert_round_trip, RowMappingSuite",
            old=suite,
        ),
        Mutation(kind, "adapters/redis.py", "from aether_adapters.sql import RowMapping"),
    )


def _tables() -> tuple[Mutation, ...]:
    """Mutations that are found only by running the migrations."""
    kind, code, sql = "tables", "migration-pending", "adapters/sql.py"
    first = "/domains/billing/migrations/versions/0001_first.py"
    closed = '    Column("closed", BigInteger, nullable=False),'
    return (
        Mutation(kind, sql, f'{closed}\n    Column("note", exact(9)),', code, closed, '    Column("note"'),
        Mutation(kind, sql, '    Column("owner", exact(200), nullable=False),', code,
                 '    Column("owner", exact(255), nullable=False),'),
        Mutation(kind, sql, '    Column("closed_at", UtcDateTime, nullable=False),', code,
                 '    Column("closed_at", UtcDateTime),'),
        Mutation(kind, sql, '    Column("version", UtcDateTime, nullable=False),', code,
                 '    Column("version", BigInteger, nullable=False),'),
        Mutation(kind, sql, 'Table("notes", METADATA, Column("id", BigInteger, primary_key=True))', code),
        Mutation(kind, sql, '    Index("ix_invoices_title", "title"),\n    Index("ix_invoices_owner", "owner", "id"),', code,
                 '    Index("ix_invoices_owner", "owner", "id"),'),
        Mutation(kind, sql, "", code, '    Index("ix_invoices_owner", "owner", "id"),\n',
                 'op.create_index("ix_invoices_owner"', first),
        Mutation(kind, first, "", code, '        Column("closed_at", UtcDateTime),\n', '    Column("closed_at", UtcDateTime),',
                 sql),
        Mutation(kind, first, '    op.create_table("notes", Column("id", BigInteger))\n    op.create_table(\n        "inbox",',
                 code, '    op.create_table(\n        "inbox",', '    op.create_table("notes"'),
        Mutation(kind, first, '    raise RuntimeError("never")\n    op.create_table(\n        "inbox",', "migration-broken",
                 '    op.create_table(\n        "inbox",', '    raise RuntimeError("never")'),
        Mutation(kind, sql, "# The tables.", ""),
    )  # fmt: skip


def _enums() -> tuple[Mutation, ...]:
    kind, values, views, by_name = "enum", "domain/values.py", "application/views.py", "enum-by-name"
    member, lookup = '    OPEN = "open"', "def found(other: types.InvoiceStatus) -> object:\n    return "
    contract = "/proto/gen/acme/billing/v1/types.py"
    opened = '    OPEN = "INVOICE_STATUS_OPEN"'
    return (
        Mutation(kind, contract, f'{opened}\n    DRAFT = "INVOICE_STATUS_DRAFT"', "enum-member", opened,
                 "class Status(Enum)", values),
        Mutation(kind, contract, f'    LOST = "x"\n    GONE = "y"\n{opened}', "enum-member", opened,
                 "class Status(Enum)", values),
        *(Mutation(kind, views, lookup + found, by_name, at="    return " + found) for found in (
            "Status[other.name]", "Status.__members__[other.name]", "getattr(Status, other.name)",
            "types.InvoiceStatus[other.name]", "Status[(other).name]")),
        Mutation(kind, values, f"{member}\n    LOST = 3", "", member),
        *(Mutation(kind, views, lookup + found) for found in (
            "Status(other.value)", 'Status["OPEN"]', "{each.name: each for each in Status}[other.name]", "other.name")),
    )  # fmt: skip


def _wiring() -> tuple[Mutation, ...]:
    """Mutations of the container that are found only by building it."""
    kind, file, wrong = "wiring", "container.py", "container-type"
    get, tally = "get_invoice=Singleton(GetInvoice", "get_tally=Singleton(GetTally"
    return (
        Mutation(kind, file, "allowance=clock", wrong, "allowance=allowance"),
        Mutation(kind, file, "clock=ids", wrong, "clock=clock"),
        Mutation(kind, file, "transactions=clock", wrong, "transactions=transactions"),
        Mutation(kind, file, "ids=Object(Snowflakes)", wrong, "ids=ids"),
        Mutation(kind, file, "clock=Object(SystemClock)", wrong, "clock=clock"),
        Mutation(kind, file, "get_invoice=Singleton(GetTally", wrong, get),
        Mutation(kind, file, "get_tally=Singleton(GetInvoice", wrong, tally),
        Mutation(kind, file, "get_tally=Object(len)", wrong, "get_tally=Singleton(GetTally, transactions=transactions)"),
        Mutation(kind, file, "get_tally=Object(GetTally)", wrong, "get_tally=Singleton(GetTally, transactions=transactions)"),
        Mutation(kind, file, "get_tallies=Singleton(GetTally", "container-argument", tally),
        Mutation(kind, file, "allowances=allowance", "container-argument", "allowance=allowance"),
        Mutation(kind, file, 'get_tally=Singleton(GetTally, **{"transactions": transactions})', "",
                 "get_tally=Singleton(GetTally, transactions=transactions)"),
        Mutation(kind, file, "Provider, Singleton  # the injector", "", "Provider, Singleton"),
    )  # fmt: skip


def _assembly() -> tuple[Mutation, ...]:
    """Mutations of the process, found only by building it."""
    kind, file, errors = "assembly", "container.py", "domain/errors.py"
    worker = "worker = Dict(relay=relay.provider, consumer=consumer.provider)"
    numbered = "Singleton(Snowflakes, backing.provided.worker_number)"
    backing = "Singleton(BackingServices, settings)"
    factory = "__import__('dependency_injector.providers').providers.Factory"
    return (
        Mutation(kind, file, "worker = Dict(relay=relay.provider)", "container-idle", worker, "    consumer = "),
        Mutation(kind, file, "worker = Dict(consumer=consumer.provider)", "container-idle", worker, "    relay = "),
        Mutation(kind, file, f"{factory}(Snowflakes, backing.provided.worker_number)", "container-factory", numbered),
        Mutation(kind, file, f"{factory}(BackingServices, settings)", "container-factory", backing),
        Mutation(kind, file, 'ErrorTable(\n    "tally",', "error-domain", 'ErrorTable(\n    "billing",', '    "tally",'),
        Mutation(kind, file, "", "error-kind", "        errors.Conflict: Kind.CONFLICT,\n", "class InvoiceAlreadyClosed", errors),
        Mutation(kind, errors, "class Lost(Exception):\n    pass", "error-kind"),
        Mutation(kind, errors, "class Lost(ValueError):\n    pass", "error-kind"),
        Mutation(kind, errors, "class Lost(Invalid):\n    pass"),
        Mutation(kind, file, "worker = Dict(consumer=consumer.provider, relay=relay.provider)", "", worker),
        Mutation(kind, file, f"{factory}(SystemClock)", "", "Singleton(SystemClock)"),
    )  # fmt: skip


def _settings() -> tuple[Mutation, ...]:
    kind, file, container, redis = "settings", "settings.py", "container.py", "adapters/redis.py"
    rate, burst = "    create_rate: float = Field(", "    create_burst: int = Field("
    said = 'description="Invoices that a caller may create per second.",'
    secret, default, environment = "setting-secret", "setting-default", "setting-environment"

    def used(field: str, name: str) -> str:
        return f"    {field}\n\n    @property\n    def header(self) -> object:\n        return self.{name}"

    found = [
        Mutation(kind, file, '    mail_rate: float = Field(default=1.0, description="Mails per second.")',
                 "setting-unused"),
        Mutation(kind, container, "rate=50.0", "setting-unused", "rate=settings.provided.create_rate", rate, file),
        Mutation(kind, container, "burst=500", "setting-unused", "burst=settings.provided.create_burst", burst, file),
        Mutation(kind, file, "", "setting-undocumented", said, rate),
        Mutation(kind, file, 'description="",', "setting-undocumented", said, rate),
        Mutation(kind, file, 'description=" ",', "setting-undocumented", said, rate),
        Mutation(kind, file, "    create_rate: float = 50.0", "setting-undocumented",
                 f"{rate}\n        default=50.0,\n        gt=0,\n        {said}\n    )"),
        Mutation(kind, file, "    create_rate = Field(", "setting-untyped", rate),
        Mutation(kind, file, "    create_burst: object = Field(", "setting-untyped", burst),
        Mutation(kind, file, "    create_burst: typing.Any = Field(", "setting-untyped", burst),
        Mutation(kind, file, used('api_key: str = Field(description="The key.")', "api_key"), secret),
        Mutation(kind, file, used('mail_password: str = Field(description="It.")', "mail_password"), secret),
        Mutation(kind, file, used('hook_secret: bytes = Field(description="It.")', "hook_secret"), secret),
        Mutation(kind, file, used('hook_tokens: tuple[str, ...] = Field(description="All.")', "hook_tokens"), secret),
        Mutation(kind, file, used('passphrase: str = Field(description="It.")', "passphrase"), secret),
        Mutation(kind, file, used('bank_credentials: str | None = Field(description="They.")', "bank_credentials"), secret),
        Mutation(kind, file, used('api_key: SecretStr = Field(SecretStr("abc"), description="It.")', "api_key"), default),
        Mutation(kind, file, used('api_key: StrongSecret = Field(default="abc", description="It.")', "api_key"), default),
        Mutation(kind, file, used('mail_url: str = Field("smtp://me:pw@host", repr=False, description="It.")', "mail_url"),
                 default),
        Mutation(kind, file, used('api_keys: tuple[str, ...] = Field(("a",), repr=False, description="It.")', "api_keys"),
                 default),
        Mutation(kind, redis, 'import os\n\nRATE = os.environ["RATE"]', environment, at="RATE = os"),
        Mutation(kind, redis, 'import os\n\nRATE = os.getenv("RATE")', environment, at="RATE = os"),
        Mutation(kind, redis, 'from os import environ\n\nRATE = environ.get("RATE")', environment, at="RATE = environ"),
        Mutation(kind, container, 'import os\n\nRATE = os.environ.get("RATE")', environment, at="RATE = os"),
        Mutation(kind, "__main__.py", 'from os import getenv as read\n\nRATE = read("RATE")', environment, at="RATE = read"),
    ]  # fmt: skip
    needed = "    needed_by = {**ServiceSettings.needed_by, "
    found += [
        Mutation(kind, file, f'{needed}"creat_rate": frozenset({{"worker"}})}}', "setting-unknown"),
        Mutation(kind, file, f'{needed}"create_rate": frozenset({{"workers"}})}}', "setting-unknown"),
        Mutation(kind, file, f'{needed}"create_rate": frozenset({{"rpc"}})}}', "setting-unknown"),
        Mutation(kind, file, f'{needed}"create_rate": frozenset({{"worker"}})}}'),
        Mutation(kind, file, f'{needed}"redis_url": frozenset({{"use_cases"}})}}'),
    ]  # fmt: skip
    found += [
        Mutation(kind, file, used('api_key: SecretStr = Field(description="It.")', "api_key")),
        Mutation(kind, file, used('api_key: StrongSecret = Field(description="It.")', "api_key")),
        Mutation(kind, file, used('api_key: str = Field("", repr=False, description="It.")', "api_key")),
        Mutation(kind, file, used('key_days: float = Field(7.0, description="Days that a key is kept.")', "key_days")),
        Mutation(kind, file, '    threads: int = Field(default=32, ge=1, description="Threads of the use cases.")'),
        Mutation(kind, file, "    _hidden: int = 3"),
        Mutation(kind, redis, 'environ = {"RATE": "1"}\nRATE = environ["RATE"]'),
        Mutation(kind, redis, 'import os\n\nNAME = os.path.basename("a/b")'),
        Mutation(kind, redis, 'import os\nfrom subprocess import run\n\nRAN = run(["true"], env=os.environ | {"A": "1"})'),
        Mutation(kind, redis, 'import os\n\nENV = {**os.environ, "A": "1"}'),
        Mutation(kind, file, used('max_tokens: int = Field(3, description="How many.")', "max_tokens")),
    ]  # fmt: skip
    return tuple(found)


def _packaging() -> tuple[Mutation, ...]:
    kind, file, redis, main, container = (
        "package", "/domains/billing/pyproject.toml", "adapters/redis.py", "__main__.py", "container.py",
    )  # fmt: skip
    unknown, undeclared, roles = "setting-unknown", "dependency-undeclared", "container-roles"
    head = "[tool.aether.development.settings]\n"
    migrations = '"migrations" = "acme_billing/migrations"'
    served = 'frozenset({"api", "rpc", "worker"})'
    worker = '    "worker": "sends events from the outbox, and handles incoming ones",'
    found = [
        Mutation(kind, file, f'{head}BILLING_CREATE_RAT = "1"', unknown, at="BILLING_CREATE_RAT"),
        Mutation(kind, file, f'{head}BILING_CREATE_RATE = "1"', unknown, at="BILING_CREATE_RATE"),
        Mutation(kind, file, f'{head}CREATE_RATE = "1"', unknown, at="CREATE_RATE"),
        Mutation(kind, file, f'{head}BILLING_MAIL_URL = "http://127.0.0.1"', unknown, at="BILLING_MAIL_URL"),
        Mutation(kind, file, f'{head}BILLING_THREAD = "3"', unknown, at="BILLING_THREAD"),
        Mutation(kind, redis, "import httpx", undeclared),
        Mutation(kind, redis, "from orjson import dumps", undeclared),
        Mutation(kind, redis, "from google.protobuf import message", undeclared),
        Mutation(kind, DOMAIN, "import httpx", "import-layer"),
        Mutation(kind, redis, "import opentelemetry.sdk.trace as tracing", undeclared),
        Mutation(kind, redis, "def later() -> None:\n    import structlog", undeclared, at="    import structlog"),
        Mutation(kind, file, "", undeclared, '    "redis>=6",\n', "from redis import Redis", redis),
        Mutation(kind, file, "", undeclared, '    "dependency-injector>=4.49",\n', "from dependency_injector.containers",
                 container),
        Mutation(kind, file, '    "pydantic_settings_extra>=2.7",', undeclared, '    "pydantic-settings>=2.7",',
                 "from pydantic_settings", "settings.py"),
        Mutation(kind, file, "", undeclared, '    "alembic>=1.16",\n', "from alembic import op",
                 "/domains/billing/migrations/versions/0001_first.py"),
        Mutation(kind, file, "", "package-migrations", f"[tool.hatch.build.targets.wheel.force-include]\n{migrations}\n",
                 "[tool.hatch.build.targets.wheel"),
        Mutation(kind, file, '"migrations" = "acme_billing/migration"', "package-migrations", migrations),
        Mutation(kind, file, '"migrations" = "migrations"', "package-migrations", migrations),
        Mutation(kind, file, 'packages = ["src/acme_biling"]', "package-sources", 'packages = ["src/acme_billing"]'),
        Mutation(kind, file, 'name = "acme-biling"', "package-name", 'name = "acme-billing"'),
        Mutation(kind, file, 'name = "billing"', "package-name", 'name = "acme-billing"'),
        Mutation(kind, container, 'frozenset({"api", "rpc", "worker", "jobs"})', roles, served),
        Mutation(kind, container, 'frozenset({"api", "rpc"})', roles, served, worker, main),
        Mutation(kind, main, f'    "jobs": "cleans up",\n{worker}', roles, worker),
        Mutation(kind, main, "", roles, worker, "    roles = ", container),
    ]  # fmt: skip
    found += [
        Mutation(kind, file, f'{head}BILLING_CREATE_RATE = "1"'),
        Mutation(kind, file, f'{head}BILLING_JWKS_FILE = "keys.json"'),
        Mutation(kind, file, f'{head}OTEL_SDK_DISABLED = "true"'),
        Mutation(kind, redis, "try:\n    import httpx\nexcept ImportError:\n    httpx = None"),
        Mutation(kind, redis, "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import httpx"),
        Mutation(kind, redis, "import logging"),
        Mutation(kind, file, '    "Redis[hiredis] >= 6 ; python_version > \'3\'",', old='    "redis>=6",'),
        Mutation(kind, file, "migrations = 'acme_billing/migrations'", old=migrations),
        Mutation(kind, file, 'name = "Acme_Billing"', old='name = "acme-billing"'),
        Mutation(kind, container, '{"worker", "rpc", "api"}', old=served),
    ]  # fmt: skip
    return tuple(found)


TABLES: Final = _tables()
WIRING: Final = (*_wiring(), *_assembly())
MUTATIONS: Final = (
    *_effects(),
    *_state(),
    *_exceptions(),
    *_units(),
    *_requests(),
    *_events(),
    *_migrations(),
    *_enums(),
    *_settings(),
    *_packaging(),
)
