"""TLS of the gRPC server and its clients: credentials that follow rotated files, and a sentence for what was refused."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import grpc

from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.observability.certificates import Followed

_REFUSED: Final = (
    ("certificate has expired", "The certificate of {} has expired."),
    ("certificate is not yet valid", "The certificate of {} is not valid yet."),
    ("Hostname Verification Check failed", "The certificate of {} is for another host name or address."),
    ("CERTIFICATE_VERIFY_FAILED", "The certificate of {} comes from an authority that is not trusted."),
    ("WRONG_VERSION_NUMBER", "{} does not speak TLS, and this client does."),
)
"""Parts of what gRPC core says about a connection that failed, from the exact to the general."""
_CLOSED: Final = "Socket closed"
_NOT_ADMITTED: Final = "it may demand a certificate, and this client showed none or one that has expired or comes from another authority"


def refusal(target: str, details: str, *, secure: bool) -> str | None:
    """Return why TLS with `target` failed, as a sentence, by the `details` of the call; None if it did not.

    `secure` tells whether the client uses TLS. A server that refuses the client's certificate, or the lack of one,
    just closes the connection.
    """
    for part, sentence in _REFUSED:
        if part in details:
            return sentence.format(target)
    if _CLOSED not in details:
        return None
    reason = _NOT_ADMITTED if secure else "it may expect TLS"
    return f"{target} closed the connection; {reason}."


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return credentials that show `files.cert`, and with `files.ca` demand a client's certificate.

    They are read again when they have changed. Raises `ValueError` for unusable files.
    """
    if not files.cert:
        raise ValueError("TLS of gRPC: a server needs a certificate and its key.")

    def configuration() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(Path(files.key).read_bytes(), Path(files.cert).read_bytes())], _read(files.ca)
        )

    followed = Followed("grpc", "gRPC", files, configuration)
    used = followed.current

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        """Return the configuration for a new connection; None if it has not changed."""
        nonlocal used
        followed.look()
        current = followed.current
        if current is used:
            return None
        used = current
        return current

    return grpc.dynamic_ssl_server_credentials(
        used,
        fetch,  # type: ignore[arg-type] # None keeps the last configuration, which the stub does not know
        require_client_authentication=bool(files.ca),
    )


def channel_credentials(target: str, files: TlsFiles) -> Followed[grpc.ChannelCredentials] | None:
    """Return the credentials for connections to `target`, which follow `files`; None without files: plain text.

    Without `ca` they trust gRPC's own authorities. Raises `ValueError` for unusable files.
    """
    if not files:
        return None

    def read() -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(_read(files.ca), _read(files.key), _read(files.cert))

    return Followed("grpc-client", target, files, read)


def _read(path: str) -> bytes | None:
    return Path(path).read_bytes() if path else None
