"""Secrets are found in URLs and in texts; what is no secret stays."""

from __future__ import annotations

import pytest
from aether_adapters.kernel.masking import Known, masked, masked_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql+pymysql://ann:hunter2@db:3306/shop", "mysql+pymysql://ann:***@db:3306/shop"),
        ("redis://:hunter2@r/0", "redis://:***@r/0"),
        ("mysql://ann:hunter2@/shop?unix_socket=/run/x", "mysql://ann:***@/shop?unix_socket=/run/x"),
        ("mysql://ann:hun%40ter2@db/shop", "mysql://ann:***@db/shop"),
        ("mysql://ann:hun/ter2@db/shop", "mysql://ann:***@db/shop"),
        ("mysql://ann:hun@ter2@db/shop", "mysql://ann:***@db/shop"),
        ("https://hunter2@keys/jwks", "https://***@keys/jwks"),
        ("https://keys/jwks?api_key=hunter2&v=1", "https://keys/jwks?api_key=***&v=1"),
        ("redis://r/0?username=ann&password=hunter2", "redis://r/0?username=ann&password=***"),
        ("https://a:hunter2@h/x https://b:hunter2@h/y", "https://a:***@h/x https://b:***@h/y"),
        ("http://127.0.0.1:8080/v1/users/a@b.example", "http://127.0.0.1:8080/v1/users/a@b.example"),
        ("sqlite:////var/lib/shop.db", "sqlite:////var/lib/shop.db"),
        ("", ""),
    ],
)
def test_a_url_keeps_everything_but_its_password(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    "text",
    [
        "cannot connect to 'mysql://ann:{}@db/shop'",
        "Authorization: Bearer {}",
        "authorization: basic {}",
        "token eyJhbGciOiJSUzI1NiJ9.{}.sig",
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\n{}",
        "SignIn(login='ann', password='{}')",
        'got {{"password": "{}"}}',
        r"got {{\"refreshToken\": \"{}\"}}",
        "sasl.password={} is refused",
        "password='two words {}'",
        'password="it\'s {}"',
        "password=b'{}'",
        "[(b'authorization', b'Basic {}')]",
        "USER_KEY_SECRET={}",
        "(1062, \"Duplicate entry '{}' for key 'users.mobile'\")",
        "(1366, \"Incorrect string value: '{}' for column 'title' at row 1\")",
        "(1064, \"You have an error ... the right syntax to use near '{}' at line 1\")",
        "ERR unknown command 'HELO', with args beginning with: 'AUTH' '{}' ",
        "1 validation error: input should be short [type=string_too_long, input_value='{}', input_type=str]",
    ],
)
def test_a_secret_in_a_text_is_masked(text: str) -> None:
    secret = "hunter2hunter2"
    assert secret not in masked(text.format(secret))
    assert "***" in masked(text.format(secret))


@pytest.mark.parametrize(
    "text",
    [
        "request method=GET path=/v1/invoices status=200",
        '{"event":"request","path":"/v1/sessions","status":201}',
        "This method needs a bearer token.",
        "password: must have 8 characters",
        "BILLING_SERVICE_KEY is not set. It is for: The private key",
        "pageToken=MTIz nextPageToken=MTIz",
        "https://keys.example/.well-known/jwks.json answered 503",
    ],
)
def test_a_text_without_a_secret_stays(text: str) -> None:
    assert masked(text) == text


def test_adjacent_secrets_are_masked_once() -> None:
    assert masked("input_value='a', input_type=str with args beginning with: ") == (
        "input_value=***, input_type=str with args beginning with: "
    )
    assert masked(masked("password=hunter2&token=abc")) == "password=***&token=***"


def test_a_known_secret_is_masked_in_each_encoding_unless_it_is_short() -> None:
    known = Known(["p@ss/word", "abc"])
    assert known.masked("p@ss/word p%40ss%2Fword abc") == "*** *** abc"


def test_a_host_that_a_password_ran_into_is_masked() -> None:
    said = "(2003, \"Can't connect to MySQL server on 'tpart@127.0.0.1' ([Errno 111] refused)\")"
    assert "tpart" not in masked(said) and "Errno 111" in masked(said)
    assert (
        masked("Can't connect to MySQL server on '127.0.0.1'")
        == "Can't connect to MySQL server on '127.0.0.1'"
    )
