"""Mail with tokens to reset passwords: over SMTP, or into a folder in development."""

import os
import smtplib
from datetime import datetime
from email.message import EmailMessage
from email.utils import make_msgid
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import structlog
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.tls import TlsFiles, refusal
from aether_adapters.kernel.urls import split_url

from aether_user.application.ports import ResetMessages
from aether_user.domain.password_reset import ResetToken

_LOG: Final = structlog.get_logger("aether.user")
_SMTP_TIMEOUT_SECONDS: Final = 10.0
TOKEN_PLACE: Final = "{token}"  # noqa: S105 # where a link has the token
_PERMANENT: Final = 500
"""The least code of an answer that is for good (RFC 5321, section 4.2.1)."""
_PORTS: Final = {"smtp": 587, "smtps": 465}


class Letter:
    """Writes the message, with a `link` that contains `{token}`, or the bare token if the link is empty."""

    def __init__(self, *, sender: str, link: str) -> None:
        self._sender = sender
        self._link = link

    def __call__(self, email: str, *, username: str, token: ResetToken, expires_at: datetime) -> EmailMessage:
        way = (
            f"Open {self._link.replace(TOKEN_PLACE, token.text)}"
            if self._link
            else f"Use this token: {token.text}"
        )
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = email
        message["Subject"] = "Reset your password"
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2] or "localhost")
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers of machines
        message.set_content(
            f"Hello {username},\n\n"
            "somebody, perhaps you, wants to reset your password.\n\n"
            f"{way}\n\n"
            f"It is good once, until {expires_at:%Y-%m-%d %H:%M} UTC. If you did not ask for it, do nothing.\n"
        )
        return message


class SmtpMessages:
    """Sends over SMTP: with TLS from the beginning for `smtps`, after STARTTLS for `smtp`.

    Only a server on this machine may do without TLS.
    """

    def __init__(self, url: str, letter: Letter, *, ca: str = "") -> None:
        """`ca` is the file (PEM) that the server's certificate is verified with; empty: the system's authorities."""
        parts = split_url("the mail server", url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("the URL of the mail server is not smtp://host:port or smtps://host:port")
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._tls = TlsFiles(ca=ca).client_context()
        self._letter = letter

    def send(self, email: str, /, *, username: str, token: ResetToken, expires_at: datetime) -> None:
        message = self._letter(email, username=username, token=token, expires_at=expires_at)
        try:
            with self._connected() as server:
                if self._user:
                    server.login(self._user, self._password)
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as refused:
            if any(code < _PERMANENT for code, _ in refused.recipients.values()):
                raise Unavailable("The mail server takes no message for the recipient now.") from None
            # Sending it again would not help. The address stays out of the log.
            _LOG.warning("the mail server refuses the recipient of a password reset")
        except (OSError, smtplib.SMTPException) as error:
            peer = f"the mail server {self._host}:{self._port}"
            raise Unavailable(refusal(peer, error) or f"{peer} took no message: {_reason(error)}") from None

    def _connected(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=_SMTP_TIMEOUT_SECONDS, context=self._tls)
        server = smtplib.SMTP(self._host, self._port, timeout=_SMTP_TIMEOUT_SECONDS)
        try:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=self._tls)
                server.ehlo()
            elif not _is_loopback(self._host):
                raise smtplib.SMTPException(
                    "it offers no STARTTLS, and a password reset is not sent in plain text"
                )
        except BaseException:
            server.close()
            raise
        return server


class FolderMessages:
    """Writes each message into a folder, as `<number>.eml`, for development."""

    def __init__(self, folder: Path, letter: Letter) -> None:
        self._folder = folder
        self._letter = letter

    def send(self, email: str, /, *, username: str, token: ResetToken, expires_at: datetime) -> None:
        message = self._letter(email, username=username, token=token, expires_at=expires_at)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{token.digest[:16]}.eml"
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(message.as_bytes())
        _LOG.info("message about a password reset written", file=str(path))


class NoMessages:
    """Sends nothing, because no mail server is set; says so in the log."""

    def send(self, email: str, /, *, username: str, token: ResetToken, expires_at: datetime) -> None:  # noqa: ARG002
        _LOG.warning("a password reset was requested, but USER_MAIL_URL is not set: nothing is sent")


def reset_messages(url: str, letter: Letter, *, ca: str) -> ResetMessages:
    """Return the messages that go where `url` says: smtp://, smtps://, file:folder, or nowhere if it is empty."""
    if not url:
        return NoMessages()
    if url.startswith("file:"):
        return FolderMessages(Path(url.removeprefix("file:")), letter)
    return SmtpMessages(url, letter, ca=ca)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: Exception) -> str:
    """Return what went wrong, without what the server repeats of the message."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answers {error.smtp_code}"
    return str(error) or type(error).__name__
