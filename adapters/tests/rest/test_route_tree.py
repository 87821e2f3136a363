"""Tests of path matching."""

from __future__ import annotations

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
