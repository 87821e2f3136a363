"""Tests of path matching."""

from __future__ import annotations

import random
import re

import pytest
from aether_adapters.rest.route_tree import Routes


@pytest.fixture
def routes() -> Routes[str]:
    routes: Routes[str] = Routes()
    for method, template in (
        ("GET", "/invoices"),
        ("POST", "/invoices"),
        ("GET", "/invoices/{id}"),
        ("GET", "/invoices/latest"),
        ("POST", "/invoices/{id}/close"),
        ("GET", "/invoices/latest/lines"),
        ("GET", "/files/{name}.{kind}"),
        ("POST", "/files/{name}:copy"),
        ("GET", "/files/{name}"),
        ("GET", "/a b/{x}/{y}"),
    ):
        routes.add(method, template, f"{method} {template}")
    return routes


@pytest.mark.parametrize(
    ("path", "template", "parameters"),
    [
        ("/invoices", "/invoices", {}),
        ("/invoices/7", "/invoices/{id}", {"id": "7"}),
        ("/invoices/latest", "/invoices/latest", {}),
        ("/invoices/l%61test", "/invoices/latest", {}),
        ("/invoices/latest/lines", "/invoices/latest/lines", {}),
        ("/invoices/latest/close", "/invoices/{id}/close", {"id": "latest"}),
        ("/invoices/a%2Fb", "/invoices/{id}", {"id": "a%2Fb"}),
        ("/files/a.b.txt", "/files/{name}.{kind}", {"name": "a", "kind": "b.txt"}),
        ("/files/a:copy", "/files/{name}:copy", {"name": "a"}),
        ("/files/plain", "/files/{name}", {"name": "plain"}),
        ("/a%20b/1/2", "/a b/{x}/{y}", {"x": "1", "y": "2"}),
    ],
)
def test_a_path_finds_its_template(
    routes: Routes[str], path: str, template: str, parameters: dict[str, str]
) -> None:
    found = routes.find(path)
    assert found is not None
    methods, values = found
    assert {target.partition(" ")[2] for target in methods.values()} == {template}
    assert values == parameters


@pytest.mark.parametrize(
    "path",
    ["/", "", "/invoices/", "/invoices//close", "/invoices/7/", "/invoices/7/open", "/INVOICES", "/files"],
)
def test_a_path_that_matches_no_template_is_not_found(routes: Routes[str], path: str) -> None:
    assert routes.find(path) is None


def test_all_methods_of_a_path_are_found_together(routes: Routes[str]) -> None:
    found = routes.find("/invoices")
    assert found is not None and set(found[0]) == {"GET", "POST"}


def test_a_path_is_declared_once(routes: Routes[str]) -> None:
    with pytest.raises(ValueError, match="declared twice"):
        routes.add("GET", "/invoices/{id}", "again")


def test_a_segment_of_several_parameters_takes_time_in_proportion_to_the_path() -> None:
    """A regular expression took the square: 45 s, without an answer to anybody else."""
    routes: Routes[str] = Routes()
    routes.add("GET", "/spans/{start}-{end}.json", "span")
    assert routes.find(f"/spans/{'-' * 1_000_000}") is None
    assert routes.find(f"/spans/{'-' * 1_000_000}.json") is not None


def test_a_segment_gives_the_values_that_a_lazy_regular_expression_gives() -> None:
    chance = random.Random(11)
    for _ in range(3_000):
        texts = ["".join(chance.choices("ab-", k=chance.randint(0, 2))) for _ in range(chance.randint(2, 4))]
        template = "".join(f"{text}{{p{number}}}" for number, text in enumerate(texts[:-1])) + texts[-1]
        pattern = "([^/]+?)".join(map(re.escape, texts))
        segment = "".join(chance.choices("ab-", k=chance.randint(1, 8)))
        routes: Routes[str] = Routes()
        routes.add("GET", f"/{template}", "it")
        expected = re.fullmatch(pattern, segment)
        found = routes.find(f"/{segment}")
        assert (None if found is None else tuple(found[1][f"p{n}"] for n in range(len(texts) - 1))) == (
            None if expected is None else expected.groups()
        ), (template, segment)
