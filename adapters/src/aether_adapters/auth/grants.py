"""What the keys of a published set may sign, and the setting that says so.

The setting holds one entry for each key set, with spaces between: a file (a JWK set, or a public key as PEM), an https
URL of a JWK set, or `oidc+` and the URL of an OpenID Connect issuer. Options follow after `#`, as in a query:

    https://user.example/jwks.json oidc+https://id.example#roles=customer /keys/trade.pem#services=aether-trade

Without options a set signs users of the default issuer, with any role and scope, and no services.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

ANY: Final = frozenset({"*"})
"""Every name."""
_OIDC: Final = "oidc+"
_OPTIONS: Final = ("issuer", "roles", "roles_claim", "scopes", "services", "typ", "users")
_ROLES_CLAIM: Final = "roles"
_ANY_JWT: Final = "JWT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the keys of one set may sign; `ANY` stands for every name.

    `issuer` is the only issuer (`iss`) of their tokens; empty means the verifier's own. `users`: whether they sign for
    users, with these `roles`. `services` are those that they sign for, by name (`sub`). A service has no roles.
    `plain_jwt`: whether a token of `typ: JWT` is accepted as an access token too. `roles_claim` names the claim that
    lists the roles; a dot leads into an object, if no claim has the whole name.
    """

    issuer: str = ""
    users: bool = True
    roles: frozenset[str] = ANY
    services: frozenset[str] = field(default_factory=frozenset)
    scopes: frozenset[str] = ANY
    plain_jwt: bool = False
    roles_claim: str = _ROLES_CLAIM

    def roles_in(self, claims: Mapping[str, object]) -> object:
        """Return what the claim of the roles holds; None if it is absent."""
        if self.roles_claim in claims:
            return claims[self.roles_claim]
        found: object = claims
        for part in self.roles_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    def allows(self, subject: str, *, service: bool, roles: Collection[str], scopes: Collection[str]) -> bool:
        """Whether these keys may sign a token with these claims."""
        if service:
            signs = not roles and _covers(self.services, (subject,))
        else:
            signs = self.users and _covers(self.roles, roles)
        return signs and _covers(self.scopes, scopes)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the setting: a file or URL, and what its keys may sign; `discovery`: the URL is an OIDC issuer."""

    address: str
    grant: Grant
    discovery: bool = False

    @property
    def is_url(self) -> bool:
        """Whether the address is a URL."""
        return "://" in self.address


def entries(setting: str, issuer: str = "") -> Iterator[Entry]:
    """Yield the entries of a setting; `issuer` is the default issuer. Raises `ValueError` with what to change."""
    for text in setting.split():
        address, _, options = text.partition("#")
        discovery = address.startswith(_OIDC)
        address = address.removeprefix(_OIDC)
        try:
            if "://" in address:
                check_url(address)
            elif discovery or not address:
                raise ValueError("needs a URL" if discovery else "needs a file or a URL before #")
            else:
                address = unquote(address)
            yield Entry(address, _grant(options, issuer, address if discovery else None), discovery)
        except ValueError as error:
            raise ValueError(f"{_shown(text)}: {error}") from None


def _grant(options: str, issuer: str, discovered: str | None) -> Grant:
    pairs = parse_qsl(options, keep_blank_values=True)
    given = dict(pairs)
    unknown = sorted(given.keys() - set(_OPTIONS))
    if unknown:
        raise ValueError(f"no option {', '.join(unknown)}; there are {', '.join(_OPTIONS)}")
    if len(given) < len(pairs):
        raise ValueError("an option is given twice; put commas between several names")
    if given.get("users", "") not in ("", "true", "false"):
        raise ValueError("users is true or false")
    if discovered is not None and "issuer" in given:
        raise ValueError("the issuer is the URL itself; leave the option issuer out")
    services = _names(given.get("services", ""))
    users = given["users"] != "false" if "users" in given else "services" not in given
    if not users and not services:
        raise ValueError("its keys may sign nothing; name services, or leave users=false out")
    if not users and "roles" in given:
        raise ValueError("only users have roles; add users, or leave roles out")
    typ = given.get("typ", "")
    if typ not in ("", _ANY_JWT):
        raise ValueError(f"typ is {_ANY_JWT}, which is accepted beside at+jwt, or left out")
    if not given.get("roles_claim", _ROLES_CLAIM):
        raise ValueError("roles_claim is empty; name a claim, or leave it out")
    # A set of services signs no scopes unless they are named: no kit asks for one on behalf of a service.
    return Grant(
        issuer=discovered or given.get("issuer") or issuer,
        users=users,
        roles=_names(given.get("roles", "*")),
        services=services,
        scopes=_names(given.get("scopes", "*" if users else "")),
        plain_jwt=bool(typ),
        roles_claim=given.get("roles_claim", _ROLES_CLAIM),
    )


def _names(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


def _covers(allowed: frozenset[str], names: Collection[str]) -> bool:
    return "*" in allowed or allowed.issuperset(names)


def check_url(url: str) -> None:
    """Raise `ValueError` unless keys may be fetched from `url`: over https, or over http from this machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # its text may hold half of a password
        raise ValueError("its host or port cannot be read") from None
    if "@" in parts.netloc:
        raise ValueError("a URL of keys must not hold a user or password")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a file, or a URL that starts with https://")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("keys are fetched over https://; http:// is for this machine only")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(text: str) -> str:
    """Return the entry as a message may show it: without a password."""
    before, at, after = text.rpartition("@")
    return f"{before.partition('://')[0]}://***@{after}" if at and "://" in before else text
