"""Tests of the setting that names key sets and what they may sign."""

from __future__ import annotations

import pytest
from aether_adapters.auth.grants import ANY, Entry, Grant, entries

USERS = Grant(issuer="us")
NOTHING: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("setting", "entry"),
    [
        ("/keys/a.json", Entry("/keys/a.json", USERS)),
        ("/my%20keys/a%23b.json", Entry("/my keys/a#b.json", USERS)),
        ("https://id.example/jwks?v=1", Entry("https://id.example/jwks?v=1", USERS)),
        ("http://127.0.0.1:8080/jwks", Entry("http://127.0.0.1:8080/jwks", USERS)),
        ("http://[::1]:8080/jwks", Entry("http://[::1]:8080/jwks", USERS)),
        ("http://localhost/jwks", Entry("http://localhost/jwks", USERS)),
        (
            "a#roles=customer,staff&issuer=them",
            Entry("a", Grant(issuer="them", roles=frozenset({"customer", "staff"}))),
        ),
        (
            "oidc+https://id.example#typ=JWT&roles_claim=realm_access.roles&roles=customer",
            Entry(
                "https://id.example",
                Grant(
                    issuer="https://id.example",
                    roles=frozenset({"customer"}),
                    plain_jwt=True,
                    roles_claim="realm_access.roles",
                ),
                discovery=True,
            ),
        ),
        ("a#roles=", Entry("a", Grant(issuer="us", roles=NOTHING))),
        (
            "a#services=shop-trade",
            Entry("a", Grant(issuer="us", users=False, services=frozenset({"shop-trade"}), scopes=NOTHING)),
        ),
        (
            "a#services=*&users&scopes=read",
            Entry("a", Grant(issuer="us", services=ANY, scopes=frozenset({"read"}))),
        ),
        (
            "oidc+https://id.example/realm/",
            Entry("https://id.example/realm/", Grant(issuer="https://id.example/realm/"), discovery=True),
        ),
    ],
)
def test_an_entry_says_where_keys_are_and_what_they_sign(setting: str, entry: Entry) -> None:
    assert list(entries(setting, "us")) == [entry]


def test_entries_are_separated_by_spaces() -> None:
    assert [entry.address for entry in entries("  a#users \n b\thttps://c/d ", "us")] == [
        "a",
        "b",
        "https://c/d",
    ]
    assert list(entries("")) == []


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("http://id.example/jwks", "keys are fetched over https://"),
        ("http://127.0.0.1.id.example/jwks", "keys are fetched over https://"),
        ("http://localhost.id.example/jwks", "keys are fetched over https://"),
        ("http://2130706433/jwks", "keys are fetched over https://"),
        ("http://0.0.0.0/jwks", "keys are fetched over https://"),
        ("http://127.0.0.1@id.example/jwks", "must not hold a user or password"),
        ("https://ada:secret@id.example/jwks", "must not hold a user or password"),
        ("https://ada:secret/x@id.example/jwks", "its host or port cannot be read"),
        ("https://ada:secret[@id.example/jwks", "its host or port cannot be read"),
        ("file:///etc/keys.json", "must be a file, or a URL that starts with https://"),
        ("ftp://id.example/jwks", "must be a file, or a URL that starts with https://"),
        ("https:///jwks", "must be a file, or a URL that starts with https://"),
        ("https://id.example:port/jwks", "(?i)port"),
        ("oidc+id.example", "needs a URL"),
        ("a#typ=jose", "typ is JWT, which is accepted beside at"),
        ("a#roles_claim=", "roles_claim is empty"),
        ("oidc+http://id.example", "keys are fetched over https://"),
        ("oidc+https://id.example#issuer=us", "the issuer is the URL itself"),
        ("#roles=x", "needs a file or a URL before #"),
        ("a#role=x", "no option role; there are issuer, roles, roles_claim, scopes, services, typ, users"),
        ("a#roles=x&roles=y", "an option is given twice"),
        ("a#users=no", "users is true or false"),
        ("a#users=false", "its keys may sign nothing"),
        ("a#services=", "its keys may sign nothing"),
        ("a#services=x&roles=y", "only users have roles"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused_with_what_to_change(setting: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        list(entries(setting, "us"))
    assert "secret" not in str(refused.value)
