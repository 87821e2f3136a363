"""Tests of the clients and the server over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import grpc
import pytest
from aether_adapters.grpc import AsyncChannel, Channel, Server
from aether_adapters.kernel.errors import Unavailable
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _certificate() -> tuple[bytes, bytes]:
    """Return a private key and a self-signed certificate for localhost, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, certificate.public_bytes(pem)


def test_both_clients_use_tls_and_trust_only_the_servers_certificate(
    probe: SimpleNamespace, start: Callable[..., Server], connect: Callable[..., Channel]
) -> None:
    private, certificate = _certificate()
    server = start(options={"credentials": grpc.ssl_server_credentials([(private, certificate)])})
    target, request = f"localhost:{server.port}", probe.PlainRequest(text="a")
    trusting = grpc.ssl_channel_credentials(certificate)
    stranger = grpc.ssl_channel_credentials(_certificate()[1])

    async def awaited() -> str:
        channel = AsyncChannel(target, credentials=trusting)
        try:
            return str((await channel.bind(probe.methods.ping)(request)).text)
        finally:
            await channel.close()

    assert connect(target, credentials=trusting).bind(probe.methods.ping)(request).text == "a"
    assert asyncio.run(awaited()) == "a"
    for refused in ({"credentials": stranger}, {}):
        with pytest.raises(Unavailable):
            connect(target, **refused).bind(probe.methods.ping)(request)
