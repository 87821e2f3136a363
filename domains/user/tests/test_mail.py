"""Messages about resets, over real connections to a mail server, and in a folder."""

import re
import stat
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from secrets import token_urlsafe

import pytest
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.testing.certificates import Authority
from pydantic import ValidationError

from aether_user.adapters.mail import FolderMessages, Letter, SmtpMessages, reset_messages
from aether_user.application.ports import ResetMessages
from aether_user.domain.password_reset import ResetToken
from aether_user.settings import Settings

from .mail_server import MailServer

LINK = "https://shop.example.org/reset#{token}"
LETTER = Letter(sender="shop@example.org", link=LINK)
TOKEN = ResetToken.new(token_urlsafe)


def send(messages: ResetMessages) -> None:
    messages.send(
        "ada@example.org", username="ada", token=TOKEN, expires_at=datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
    )


@pytest.mark.parametrize(("scheme", "at_once"), [("smtp", False), ("smtps", True)])
def test_a_message_goes_encrypted_and_signed_in_to_its_user(
    tmp_path: Path, scheme: str, at_once: bool
) -> None:
    files = Authority(tmp_path).issue("mail")
    server = MailServer(tls=type(files)(cert=files.cert, key=files.key).server_context(), at_once=at_once)
    with server.listening():
        url = f"{scheme}://ada:p%40ss@127.0.0.1:{server.port}"
        send(SmtpMessages(url, LETTER, ca=files.ca))
    (message,) = server.received
    assert (message["From"], message["To"]) == ("shop@example.org", "ada@example.org")
    text = message.get_content()
    assert LINK.replace("{token}", TOKEN.text) in text
    assert "2030-01-01 12:30 UTC" in text
    assert any(line.startswith("AUTH PLAIN") for line in server.spoken)


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("expired", "has expired"),
        ("foreign", "comes from an authority that is not trusted"),
        ("elsewhere", "is for another address"),
    ],
)
def test_a_mail_server_with_a_wrong_certificate_gets_nothing(
    tmp_path: Path, at_once: bool, wrong: str, said: str
) -> None:
    trusted, foreign = Authority(tmp_path / "trusted"), Authority(tmp_path / "foreign")
    files = {
        "expired": lambda: trusted.issue("mail", life=-timedelta(days=1)),
        "foreign": lambda: foreign.issue("mail"),
        "elsewhere": lambda: trusted.issue("mail", "192.0.2.1"),
    }[wrong]()
    server = MailServer(tls=type(files)(cert=files.cert, key=files.key).server_context(), at_once=at_once)
    with server.listening(), pytest.raises(Unavailable, match=said):
        url = f"{'smtps' if at_once else 'smtp'}://ada:secret@127.0.0.1:{server.port}"
        send(SmtpMessages(url, LETTER, ca=str(trusted.ca)))
    assert server.received == [] and not any("AUTH" in line for line in server.spoken)


def test_a_server_elsewhere_that_offers_no_encryption_gets_nothing() -> None:
    with MailServer().listening() as server:
        send(SmtpMessages(f"smtp://127.0.0.1:{server.port}", LETTER))
        assert len(server.received) == 1, "loopback needs none"
        # The same address under a name, which could be another machine's.
        with pytest.raises(Unavailable, match="no STARTTLS"):
            send(SmtpMessages(f"smtp://127.1:{server.port}", LETTER))
        assert len(server.received) == 1


def test_only_a_recipient_refused_for_good_is_given_up() -> None:
    with ExitStack() as stack:
        greylisting = stack.enter_context(MailServer(recipient_answer="451 later").listening())
        with pytest.raises(Unavailable):
            send(SmtpMessages(f"smtp://127.0.0.1:{greylisting.port}", LETTER))
        refusing = stack.enter_context(MailServer(recipient_answer="550 nobody").listening())
        send(SmtpMessages(f"smtp://127.0.0.1:{refusing.port}", LETTER))
        assert greylisting.received == refusing.received == []
    with pytest.raises(Unavailable):
        send(SmtpMessages(f"smtp://127.0.0.1:{greylisting.port or 1}", LETTER))


def test_in_development_messages_are_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    send(reset_messages(f"file:{tmp_path / 'mail'}", Letter(sender="", link=""), ca=""))
    (path,) = (tmp_path / "mail").glob("*.eml")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    message = message_from_bytes(path.read_bytes())
    assert message["To"] == "ada@example.org"
    assert TOKEN.text in str(message.get_payload())
    assert TOKEN.text not in path.name
    assert isinstance(reset_messages(f"file:{tmp_path}", LETTER, ca=""), FolderMessages)


def test_without_a_mail_server_nothing_is_sent_and_the_token_stays_out_of_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    send(reset_messages("", LETTER, ca=""))
    said = capsys.readouterr()
    assert TOKEN.text not in said.out + said.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mail_url": "smtp://mail.example.org"}, "USER_MAIL_FROM is wrong: USER_MAIL_URL needs it"),
        ({"mail_url": "http://mail.example.org"}, "must begin with smtp://"),
        ({"mail_url": "smtp://ann:hunter2#x@mail", "mail_from": "a@b.example"}, "percent-encoded"),
        ({"mail_url": "smtp://:587", "mail_from": "a@b.example"}, "it names no host"),
        ({"mail_from": "a@b.example\nBcc: eve@b.example"}, "must be one address"),
        ({"mail_from": "a@b.example, eve@b.example"}, "must be one address"),
        ({"mail_url": "smtp://ann:h%C3%BCnter2@mail", "mail_from": "a@b.example"}, "must be ASCII"),
        ({"mail_from": "\u00e4@b.example"}, "must be one address"),
        ({"mail_from": "shop"}, "must be one address"),
        ({"reset_link": "https://shop.example.org/{token}\n"}, "be one line"),
        ({"reset_link": "https://shop.example.org"}, "must contain {token}"),
        ({"mail_tls_ca": "/nowhere/ca.pem"}, "/nowhere/ca.pem cannot be read"),
    ],
)
def test_settings_of_mail_that_cannot_work_are_refused_at_start(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(key_secret="a secret of the tests", **given)  # type: ignore[arg-type]
    (sentence,) = Settings.refusals(refused.value)
    assert re.search(said, sentence), sentence
    assert "hunter2" not in sentence


def test_the_sender_may_have_a_name() -> None:
    settings = Settings(key_secret="a secret of the tests", mail_from="Shop <shop@b.example>")  # type: ignore[arg-type]
    assert settings.mail_from == "Shop <shop@b.example>"
