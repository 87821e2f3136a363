"""A service's own token is believed, is kept while it is good, and is followed by another in time."""

from __future__ import annotations

from pathlib import Path

from aether_adapters.keys import DevelopmentKeys, Keys
from aether_adapters.service_tokens import LIFE_SECONDS, ServiceTokens, signer
from aether_adapters.tokens import Verifier


def test_other_services_believe_it(tmp_path: Path) -> None:
    pair = DevelopmentKeys(tmp_path).ensure()
    verify = Verifier(Keys.from_file(pair.jwks), "tests", "aether")
    beside = ServiceTokens("trade", signer("", "", str(pair.jwks), "tests", "aether"))
    named = ServiceTokens("trade", signer(str(tmp_path / "private.pem"), pair.kid, "", "tests", "aether"))
    for tokens in (beside, named):
        identity = verify(tokens())
        assert (identity.subject, identity.service, identity.roles) == ("trade", True, ())


def test_it_stays_the_same_until_a_minute_before_its_end(tmp_path: Path) -> None:
    pair = DevelopmentKeys(tmp_path).ensure()
    now = [0.0]
    tokens = ServiceTokens("trade", signer("", "", str(pair.jwks), "tests", "aether"), clock=lambda: now[0])
    first = tokens()
    now[0] = LIFE_SECONDS - 61
    assert tokens() == first
    now[0] = LIFE_SECONDS - 60
    assert tokens() != first


def test_making_it_reads_no_key() -> None:
    ServiceTokens("trade", signer("/nowhere", "", "", "tests", "aether"))
