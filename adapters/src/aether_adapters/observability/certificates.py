"""Certificates in use, which follow their files: taken over when these change, kept while the new ones cannot be used.

Certificates are rotated on disk while a service runs. A thread looks once a second, so an idle connection learns of it
too, and whoever replaced the files badly reads in the log what is wrong before the certificate in use expires.
"""

from __future__ import annotations

import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

import structlog
from cryptography import x509
from prometheus_client import Counter, Gauge

from aether_adapters.kernel.tls import Fault, TlsFiles, UnusableFiles, stamps_of

NOT_AFTER: Final = Gauge(
    "aether_tls_not_after_seconds", "When the certificate in use expires, in Unix seconds.", ["use"]
)
RELOAD_FAILURES: Final = Counter(
    "aether_tls_reload_failures",
    "Attempts to take over changed certificate files that failed; what was in use stays in use.",
    ["use"],
)
_LOOK_SECONDS: Final = 1.0
_LOG: Final = structlog.get_logger("aether.tls")

Made = TypeVar("Made")


class Followed(Generic[Made]):
    """What `make` makes of certificate files, made again when one of them has changed. Thread-safe.

    Files that are half-written, do not fit together or are outside their time of validity change nothing: that is logged
    once and tried again every second. `use` is the label of the metrics, `peer` the name in messages.
    """

    def __init__(
        self,
        use: str,
        peer: str,
        files: TlsFiles,
        make: Callable[[], Made],
        faults: Callable[[], Iterator[Fault]] | None = None,
    ) -> None:
        """Read the files; `faults` tells what is wrong with them, by default `files.faults`.

        Raises `UnusableFiles`, and what `make` raises. A certificate that has expired is used, with a warning: at the
        start there is no other.
        """
        self._use = use
        self._peer = peer
        self._files = files
        self._make = make
        self._faults = faults or files.faults
        self._paths = tuple(filter(None, (files.ca, files.cert, files.key)))
        self._guard = threading.Lock()
        self._refused: tuple[tuple[int, int, int], ...] | None = None
        self._told = ""
        self._retry_at = 0.0
        self._changed: weakref.WeakMethod[Callable[[], None]] | None = None
        self._stamps = stamps_of(self._paths)
        for fault in self._faults():
            raise UnusableFiles(f"TLS of {peer}: {fault}.")
        self._made = make()
        for fault in outdated(files):
            _LOG.warning("certificate is not valid now", use=use, reason=f"TLS of {peer}: {fault}.")
        self._show()
        _WATCHER.watch(self)

    @property
    def current(self) -> Made:
        """What was made of the files that are in use."""
        return self._made

    def when_changed(self, changed: Callable[[], None]) -> None:
        """Call the method `changed`, in another thread, after files were taken over; its object is not kept alive."""
        self._changed = weakref.WeakMethod(changed)

    def look(self) -> None:
        """Take over the files if they have changed and can be used."""
        stamps = stamps_of(self._paths)
        if stamps == self._stamps or (stamps == self._refused and time.monotonic() < self._retry_at):
            return
        with self._guard:
            taken = stamps != self._stamps and self._take(stamps)
        changed = self._changed and self._changed()
        if taken and changed is not None:
            changed()

    def _take(self, stamps: tuple[tuple[int, int, int], ...]) -> bool:
        try:
            for fault in (*self._faults(), *outdated(self._files)):
                raise UnusableFiles(str(fault))
            made = self._make()
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            reason = str(error) if isinstance(error, UnusableFiles) else f"{', '.join(self._paths)}: {error}"
            self._keep(stamps, reason)
            return False
        if stamps_of(self._paths) != stamps:
            return False  # written while they were read; the next look sees them whole
        self._made, self._stamps, self._refused, self._told = made, stamps, None, ""
        self._show()
        _LOG.info("certificate files taken over", use=self._use, files=", ".join(self._paths))
        return True

    def _keep(self, stamps: tuple[tuple[int, int, int], ...], reason: str) -> None:
        self._refused, self._retry_at = stamps, time.monotonic() + _LOOK_SECONDS
        RELOAD_FAILURES.labels(self._use).inc()
        if reason != self._told:
            self._told = reason
            sentence = f"TLS of {self._peer}: {reason}. What was read before stays in use."
            _LOG.warning("certificate files not taken over", use=self._use, reason=sentence)

    def _show(self) -> None:
        show_expiry(self._use, self._files.cert)


class ClientContext(Followed[ssl.SSLContext]):
    """The context that a client's connections share.

    Loading the files for each connection would take milliseconds, with the system's authorities tens of milliseconds.
    """

    def __call__(self) -> ssl.SSLContext:
        """Return the context for the next connection."""
        self.look()
        return self.current

    @classmethod
    def of(cls, use: str, peer: str, files: TlsFiles) -> Self:
        """Return the context for connections to `peer`. Raises `UnusableFiles`."""
        return cls(use, peer, files, files.client_context)


class ServerContext(ClientContext):
    """The same for the connections that a server accepts."""

    @classmethod
    def of(cls, use: str, peer: str, files: TlsFiles) -> Self:
        """Return the context of the server called `peer`. Raises `UnusableFiles`."""
        if not (files.cert and files.key):
            raise UnusableFiles(f"TLS of {peer}: it needs both a certificate and its key.")
        return cls(use, peer, files, files.server_context)


def show_expiry(use: str, cert: str) -> None:
    """Set the gauge to when the certificate in the file `cert` expires, if that can be read."""
    for leaf in _certificates(cert)[:1]:
        NOT_AFTER.labels(use).set(leaf.not_valid_after_utc.timestamp())


def outdated(files: TlsFiles) -> Iterator[Fault]:
    """Yield what is wrong with the time of validity of readable `files`: of the certificate, or of every authority."""
    now = datetime.now(UTC)
    for leaf in _certificates(files.cert)[:1]:
        if leaf.not_valid_after_utc < now:
            yield Fault(
                "cert", f"the certificate in {files.cert} expired at {leaf.not_valid_after_utc:%FT%TZ}"
            )
        elif leaf.not_valid_before_utc > now:
            yield Fault(
                "cert", f"the certificate in {files.cert} is valid from {leaf.not_valid_before_utc:%FT%TZ}"
            )
    authorities = _certificates(files.ca)
    if authorities and all(each.not_valid_after_utc < now for each in authorities):
        yield Fault("ca", f"every authority in {files.ca} has expired")


def _certificates(path: str) -> list[x509.Certificate]:
    """Return the certificates in a file, a server's or client's own one first; none for what OpenSSL alone can read."""
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes()) if path else []
    except (OSError, ValueError):
        return []


class _Watcher:
    """One thread that looks at all files of the process."""

    def __init__(self) -> None:
        self._all: weakref.WeakSet[Followed[Any]] = weakref.WeakSet()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, followed: Followed[Any]) -> None:
        with self._guard:
            self._all.add(followed)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="certificates", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._guard:
                followed = list(self._all)
            for each in followed:
                try:
                    each.look()
                except Exception:
                    _LOG.exception("certificate files could not be looked at")
            del followed[:]


_WATCHER: Final = _Watcher()
