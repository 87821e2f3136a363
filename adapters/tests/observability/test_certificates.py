"""Rotated certificate files are taken over when they are good, and otherwise what was in use stays, which somebody hears of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from aether_adapters.kernel.tls import TlsFiles, UnusableFiles
from aether_adapters.observability.certificates import ClientContext, ServerContext
from aether_adapters.testing.certificates import Authority
from aether_adapters.testing.waiting import eventually
from cryptography.x509 import load_pem_x509_certificate
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

DAY = timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def mounted(authority: Authority, tmp_path: Path) -> TlsFiles:
    """Files of a good certificate, as a platform mounts them."""
    first = authority.issue("first")
    folder = tmp_path / "mounted"
    folder.mkdir()
    paths = [str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem")]
    for source, path in zip((first.ca, first.cert, first.key), paths, strict=True):
        shutil.copy(source, path)
    return TlsFiles(*paths)


def put(files: TlsFiles, mounted: TlsFiles, *parts: str) -> None:
    """Replace some of the mounted files, whole."""
    for part in parts:
        new = Path(f"{getattr(mounted, part)}.new")
        shutil.copy(getattr(files, part), new)
        new.replace(getattr(mounted, part))


def expiry(cert: str) -> float:
    return load_pem_x509_certificate(Path(cert).read_bytes()).not_valid_after_utc.timestamp()


def shown(use: str) -> float | None:
    return REGISTRY.get_sample_value("aether_tls_not_after_seconds", {"use": use})


def failures(use: str) -> float:
    return REGISTRY.get_sample_value("aether_tls_reload_failures_total", {"use": use}) or 0.0


def test_the_gauge_shows_when_the_certificate_in_use_expires(authority: Authority, mounted: TlsFiles) -> None:
    context = ServerContext.of("gauge", "the server", mounted)
    assert shown("gauge") == expiry(mounted.cert)
    put(authority.issue("second", life=60 * DAY), mounted, "key", "cert")
    context()
    assert shown("gauge") == expiry(mounted.cert)


def half(_: Authority, mounted: TlsFiles) -> str:
    Path(mounted.cert).write_text("half a file")
    return f"{mounted.cert} holds nothing that is a certificate (PEM)"


def expired(authority: Authority, mounted: TlsFiles) -> str:
    put(authority.issue("expired", life=-DAY), mounted, "key", "cert")
    return f"the certificate in {mounted.cert} expired at "


def mismatched(authority: Authority, mounted: TlsFiles) -> str:
    put(authority.issue("another"), mounted, "cert")
    return f"{mounted.key} is not the private key of the certificate in {mounted.cert}"


def removed(_: Authority, mounted: TlsFiles) -> str:
    Path(mounted.ca).unlink()
    return f"{mounted.ca} cannot be read: No such file or directory"


@pytest.mark.parametrize("kind", [ClientContext, ServerContext])
@pytest.mark.parametrize(
    "spoil", [half, *(pytest.param(each, marks=pytest.mark.prove) for each in (expired, mismatched, removed))]
)
def test_unusable_files_are_named_once_counted_and_tried_again(
    spoil: Callable[[Authority, TlsFiles], str],
    kind: type[ClientContext],
    authority: Authority,
    mounted: TlsFiles,
) -> None:
    use = f"{kind.__name__}-{spoil.__name__}"
    context = kind.of(use, "the peer", mounted)
    before, until = context(), shown(use)
    with capture_logs() as logs:
        reason = spoil(authority, mounted)
        assert context() is before
        assert shown(use) == until
        eventually(lambda: failures(use) >= 2, "the files are tried again, though nobody connects")
        told = [log["reason"] for log in logs if log["event"] == "certificate files not taken over"]
        named = [sentence for sentence in told if sentence.startswith(f"TLS of the peer: {reason}")]
        assert len(named) == 1, told
        assert named[0].endswith("What was read before stays in use.")
        put(authority.issue("good"), mounted, "ca", "key", "cert")
        assert context() is not before
        assert shown(use) == expiry(mounted.cert)


def test_files_are_taken_over_though_nobody_connects(authority: Authority, mounted: TlsFiles) -> None:
    context = ClientContext.of("idle", "the peer", mounted)
    before = context.current
    put(authority.issue("second"), mounted, "key", "cert")
    eventually(lambda: context.current is not before, "the files are looked at")


def test_authorities_that_have_all_expired_are_not_taken_over(
    authority: Authority, mounted: TlsFiles
) -> None:
    context = ClientContext.of("authorities", "the peer", mounted)
    before = context()
    shutil.copy(authority.issue("expired", life=-DAY).cert, mounted.ca)
    assert context() is before


def test_a_certificate_that_has_expired_at_the_start_is_used_with_a_warning(
    authority: Authority, mounted: TlsFiles
) -> None:
    put(authority.issue("expired", life=-DAY), mounted, "key", "cert")
    with capture_logs() as logs:
        ServerContext.of("late", "the server", mounted)
    (line,) = [log for log in logs if log["event"] == "certificate is not valid now"]
    assert line["reason"].startswith(f"TLS of the server: the certificate in {mounted.cert} expired at ")


def test_unusable_files_stop_the_start(mounted: TlsFiles) -> None:
    Path(mounted.key).write_text("")
    with pytest.raises(UnusableFiles, match=f"TLS of the server: {mounted.key} holds nothing"):
        ServerContext.of("start", "the server", mounted)
