"""`aether check --map` prints who tells whom."""

from __future__ import annotations

import json

import pytest
from aether_tools.check.explanations import EXPLANATIONS
from aether_tools.commands.check import show_map

from .conftest import PACKAGE, Shop

CREATED = "acme.billing.v1.InvoiceCreated"


@pytest.fixture
def heard(events: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The workspace with a subscription to its event; the current folder is in it."""
    events.write(f"{PACKAGE}/container.py", EXPLANATIONS["event-unheard"].right)
    monkeypatch.chdir(events.root)
    return events


def test_the_map_names_publishers_and_hearers_as_json(
    heard: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_map(as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "event": CREATED,
            "topic": "acme.billing.v1",
            "publisher": "billing",
            "hearers": [{"domain": "billing", "provider": "consumer"}],
        }
    ]


def test_the_map_is_a_table_as_text(heard: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_map(as_json=False) == 0
    assert capsys.readouterr().out.split("\n") == [
        "Who tells whom",
        "event                           published by  heard by",
        f"{CREATED}  billing       billing (consumer)",
        "",
    ]


def test_an_event_that_nobody_publishes_or_hears_is_shown_so(
    heard: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    heard.remove(f"{PACKAGE}/adapters/events.py")
    heard.remove(f"{PACKAGE}/adapters/consumer.py")
    assert show_map(as_json=False) == 0
    assert f"{CREATED}  nobody        nobody here" in capsys.readouterr().out
