"""Checks at start-up that the roles of a process have the settings and files they need, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from aether_adapters import sql
from aether_adapters.auth.grants import entries
from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.service.settings import ServiceSettings

_TLS_FILE: Final = re.compile(r"(?P<peer>\w+)_tls_(?P<part>ca|cert|key)")
_KAFKA_FIELD: Final = re.compile(r"\bkafka_[a-z_]+")


def faults(settings: ServiceSettings, roles: Collection[str]) -> Iterator[str]:
    """Yield what is wrong for a process with these roles, one sentence for each variable."""
    parts = _parts(settings, roles)
    for name, users in settings.needed_by.items():
        if users & parts and not getattr(settings, name):
            purpose = type(settings).model_fields[name].description
            yield f"{settings.variable(name)} is empty, but {_needing(roles)} need it. It is for: {purpose}"
    if settings.rest_metrics and settings.workers > 1 and "servers" in parts:
        yield (
            f"{settings.variable('rest_metrics')} is on, but {settings.variable('workers')} is {settings.workers}: a worker "
            f"knows its own metrics only. Unset it, and set {settings.variable('admin_port')} for those of all."
        )
    unusable = list(_certificates(settings, parts))
    yield from unusable
    yield from _keys(settings, parts)
    # A store is looked at as a whole once its certificates are in order; otherwise they would be reported twice.
    stores = {"database": _database, "redis": _redis, "kafka": _kafka}
    for store, wrong in stores.items():
        if not any(each.startswith(settings.variable(f"{store}_tls_")) for each in unusable):
            yield from wrong(settings, roles, parts)


def _certificates(settings: ServiceSettings, parts: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the certificate files of each peer; a migration needs those of the database alone."""
    groups: dict[str, dict[str, str]] = {}
    for name in type(settings).model_fields:
        named = _TLS_FILE.fullmatch(name)
        if named is not None and (len(parts) > 1 or name.startswith("database_")):
            groups.setdefault(named["peer"], {})[named["part"]] = getattr(settings, name)
    for peer, files in groups.items():
        for fault in TlsFiles(**files).faults():
            yield f"{settings.variable(f'{peer}_tls_{fault.part}')}: {fault}."


def _keys(settings: ServiceSettings, parts: Collection[str]) -> Iterator[str]:
    """Yield which files hold no key that signs this service's tokens, or verifies those of others."""
    if settings.service_key and len(parts) > 1:
        try:
            Path(settings.service_key).open("rb").close()
        except OSError as error:
            yield _unreadable(settings, "service_key", settings.service_key, error)
        else:
            if not _signs(settings.service_key):
                yield (
                    f"{settings.variable('service_key')}: {settings.service_key} holds no key that can sign: RSA, P-256 "
                    "or Ed25519, as PEM that is not encrypted."
                )
    if "servers" in parts:
        for path in [each.address for each in entries(settings.jwks) if not each.is_url]:
            try:
                reason = _no_keys(Path(path).read_bytes(), path)
            except OSError as error:
                yield _unreadable(settings, "jwks", path, error)
            else:
                if reason:
                    yield f"{settings.variable('jwks')}: {path}: {reason}."


def _unreadable(settings: ServiceSettings, name: str, path: str, error: OSError) -> str:
    return f"{settings.variable(name)}: {path} cannot be read ({error.strerror})."


def _no_keys(data: bytes, path: str) -> str:
    """Return why no token can be verified with the content of a file; empty if some can."""
    # Its package loads the library of signatures, which a migration does without.
    from aether_adapters.auth.keys import read_keys

    if b"PRIVATE KEY-----" in data:
        return "it holds a private key; whoever verifies needs only the public one, which `openssl pkey -pubout` writes"
    try:
        return (
            ""
            if read_keys(data, path, counts=False)
            else "it holds no key that verifies tokens: RSA of 2048 bits, P-256, Ed25519"
        )
    except ValueError as error:
        return str(error)


def _database(settings: ServiceSettings, roles: Collection[str], parts: Collection[str]) -> Iterator[str]:
    """Yield why the database's address cannot be used, if a migration or a part of the process uses it."""
    if settings.database_url and ("migrate" in roles or not {"use_cases", "worker"}.isdisjoint(parts)):
        try:
            sql.connect(settings.database_url, tls=settings.database_tls).dispose()
        except ValueError as error:
            yield _wrong(settings, "database_url", error)


def _redis(settings: ServiceSettings, _roles: Collection[str], parts: Collection[str]) -> Iterator[str]:
    """Yield why Redis's address cannot be used."""
    if settings.redis_url and len(parts) > 1:
        # Loads the client of Redis, which a migration does without.
        from aether_adapters import redis

        try:
            redis.connect(settings.redis_url, tls=settings.redis_tls).close()
        except ValueError as error:
            yield _wrong(settings, "redis_url", error)


def _kafka(settings: ServiceSettings, _roles: Collection[str], _parts: Collection[str]) -> Iterator[str]:
    """Yield which settings of Kafka do not fit each other, though each is fine by itself."""
    if settings.kafka_security != "plaintext" or settings.kafka_sasl_mechanism or settings.kafka_tls:
        # Its package loads the broker's client, which most of what starts here does without.
        from aether_adapters.service.kafka_cluster import kafka_cluster

        try:
            kafka_cluster(settings)
        except ValueError as error:
            yield _in_variables(settings, str(error))


def _wrong(settings: ServiceSettings, name: str, error: ValueError) -> str:
    return f"{settings.variable(name)}: {str(error).removesuffix('.')}."


def _signs(path: str) -> bool:
    """Whether tokens can be signed with the private key in the file; otherwise each call with a token would fail."""
    # Its package loads the library of signatures, which a migration does without.
    from cryptography.exceptions import UnsupportedAlgorithm

    from aether_adapters.auth.service_tokens import signer

    try:
        signer(path, "", "", "")()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _in_variables(settings: ServiceSettings, text: str) -> str:
    """Replace the names of fields by those of their variables."""
    return _KAFKA_FIELD.sub(lambda found: settings.variable(found[0]), text)


def _parts(settings: ServiceSettings, roles: Collection[str]) -> frozenset[str]:
    """Return what runs in the process: servers, use_cases, worker; and always process."""
    parts = {"process"}
    if "api" in roles or "rpc" in roles:
        parts.add("servers")
    if "rpc" in roles or ("api" in roles and settings.arrangement == "in_process"):
        parts.add("use_cases")
    if "worker" in roles:
        parts.add("worker")
    return frozenset(parts)


def _needing(roles: Collection[str]) -> str:
    return (
        f"the roles {', '.join(sorted(roles))}" if len(roles) > 1 else f"processes of the role {min(roles)}"
    )
