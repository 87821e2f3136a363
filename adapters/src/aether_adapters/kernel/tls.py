"""Certificate files of one server or client, and a sentence for each way that a certificate is refused.

Every kit takes `TlsFiles`, so the settings of a service use one vocabulary: `<PEER>_TLS_CA`, `<PEER>_TLS_CERT` and
`<PEER>_TLS_KEY`, each the path of a PEM file.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

_REFUSED: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed and not among the trusted authorities",
    19: "comes from an authority that is not trusted",
    20: "comes from an authority that is not trusted",
    21: "comes from an authority that is not trusted",
    62: "is for another host name",
    64: "is for another address",
}
"""OpenSSL's verification errors (X509_V_ERR_*) that a wrong configuration causes."""
_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_CERTIFICATE: Final = b"CERTIFICATE"
_KEY: Final = b"PRIVATE KEY"
_OTHER_KEY: Final = "KEY_VALUES_MISMATCH"
_NO_PASSPHRASE: Final = ""
"""Makes OpenSSL refuse an encrypted key; without it, it would ask at the terminal and wait."""


class UnusableFiles(ValueError):
    """Certificate files that cannot be used; the message is a sentence for whoever configures the service."""


Part = Literal["ca", "cert", "key"]
_PARTS: Final[tuple[Part, ...]] = ("ca", "cert", "key")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one of the files; as text it is the end of a sentence."""

    part: Part
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: `ca` holds the trusted authorities, `cert` and `key` prove one's own identity.

    A server needs `cert` and `key`; its `ca` are the authorities of clients, which must then show a certificate. A
    client needs none of them: without `ca` it trusts the system's authorities.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""

    def __bool__(self) -> bool:
        return bool(self.ca or self.cert or self.key)

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the files, first what each holds, then whether they can be used together."""
        if bool(self.cert) != bool(self.key):
            yield Fault("key" if self.cert else "cert", "a certificate and its key must be set together")
        found = [fault for part in _PARTS if (fault := self._content(part)) is not None]
        yield from found
        if found:
            return
        try:
            if self.ca:
                ssl.create_default_context(cafile=self.ca)
        except ssl.SSLError as error:
            yield Fault("ca", f"{self.ca} is not usable: {error.reason or error}")
        try:
            if self.cert and self.key:
                ssl.create_default_context().load_cert_chain(self.cert, self.key, _NO_PASSPHRASE)
        except ssl.SSLError as error:
            if error.reason == _OTHER_KEY:
                yield Fault("key", f"{self.key} is not the private key of the certificate in {self.cert}")
            else:
                yield Fault(
                    "cert", f"{self.cert} with the key {self.key} is not usable: {error.reason or error}"
                )

    def _content(self, part: Part) -> Fault | None:
        """Return what is wrong with one file by itself."""
        path, wanted = getattr(self, part), _KEY if part == "key" else _CERTIFICATE
        if not path:
            return None
        try:
            held = _BLOCK.findall(Path(path).read_bytes())
        except OSError as error:
            return Fault(part, f"{path} cannot be read: {error.strerror}")
        if b"ENCRYPTED PRIVATE KEY" in held and wanted is _KEY:
            return Fault(part, f"{path} is encrypted; `openssl pkey` writes a key that is not")
        if any(wanted in each for each in held):
            return None
        names = {_CERTIFICATE: "certificate", _KEY: "private key"}
        other = _CERTIFICATE if wanted is _KEY else _KEY
        what = f"a {names[other]}, not" if any(other in each for each in held) else "nothing that is"
        return Fault(part, f"{path} holds {what} a {names[wanted]} (PEM)")

    def check(self, peer: str) -> None:
        """Raise `UnusableFiles` if something is wrong with the files, for TLS of `peer`."""
        for fault in self.faults():
            raise UnusableFiles(f"TLS of {peer}: {fault}.")

    def client_context(self) -> ssl.SSLContext:
        """Return a context that verifies the server's certificate and host name. Raises `OSError` for an unusable file."""
        context = ssl.create_default_context(cafile=self.ca or None)
        if self.cert:
            context.load_cert_chain(self.cert, self.key, _NO_PASSPHRASE)
        return context

    def server_context(self) -> ssl.SSLContext:
        """Return a context for HTTP that shows `cert`, and with `ca` demands a client's certificate.

        Raises `OSError` as above.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.ca or None)
        context.load_cert_chain(self.cert, self.key, _NO_PASSPHRASE)
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])  # so that a client for another protocol notices
        if self.ca:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


NO_TLS: Final = TlsFiles()


def stamps_of(paths: Iterable[str]) -> tuple[tuple[int, int, int], ...]:
    """Return what tells a file from its successor: time of change, size and inode; zeros for a missing one."""
    return tuple(_stamp(path) for path in paths)


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        found = Path(path).stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def refusal(peer: str, error: BaseException) -> str | None:
    """Return why the certificate of `peer` was refused, as a sentence; None if `error` is not about a certificate."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            what = _REFUSED.get(cause.verify_code, f"is refused ({cause.verify_message})")
            return f"The certificate of {peer} {what}."
        cause = cause.__cause__ or cause.__context__
    return None
