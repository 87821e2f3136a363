"""Property-based fuzzing of the course shop: every operation of its three APIs, as each kind of caller.

The contracts say which operations are public; `OPERATORS_ONLY` lists those for operators. All others are for
everybody with a token. Permitted operations are accepted often enough, and all others are refused, whatever is sent.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from schemathesis.core.failures import FailureGroup

from tests.fuzz.fuzzing import Caller, Contract, Fuzzer, Seeds
from tests.fuzz.promotion_seeds import PromotionSeeds
from tests.fuzz.trade_seeds import TradeSeeds
from tests.fuzz.user_seeds import People, UserSeeds
from tests.support.acme import Acme

SHOP: Final = Acme(Path(__file__).parents[2], "aether")
DOMAINS: Final = ("user", "promotion", "trade")
DOCUMENTS: Final[Mapping[str, Any]] = {
    domain: yaml.safe_load((SHOP.root / f"openapi/gen/aether_openapi/{domain}.yaml").read_text())
    for domain in DOMAINS
}
OPERATORS_ONLY: Final = {
    *("setRoles", "banUser", "unbanUser"),
    *("createTemplate", "publishTemplate", "withdrawTemplate", "createActivity", "closeActivity"),
    *("createCourse", "changeCourse", "refundOrder"),
}
PAUSES: Final = {"claimCoupon": "/problems/promotion/claims-are-paused"}
"""Claims of a template pause while Redis takes over from SQL, soon after it is published."""
UNLIMITED: Final = "1000000"
SETTINGS: Final = {
    **{
        f"{limit}_{measure}": UNLIMITED
        for limit in (
            *("USER_ACCOUNT", "USER_STRANGERS", "USER_RESET", "USER_DOOR", "USER_USER", "USER_ADDRESS"),
            *("PROMOTION_USER", "PROMOTION_ADDRESS", "PROMOTION_CLAIM", "PROMOTION_SQL"),
            *("TRADE_USER", "TRADE_ADDRESS"),
        )
        for measure in ("RATE", "BURST")
    },
    # Passwords are cheap, and no token or order expires during the test.
    "USER_HASH_PASSES": "1",
    "USER_HASH_KIBIBYTES": "8",
    "USER_HASH_LANES": "1",
    "USER_ACCESS_SECONDS": "3600",
    "TRADE_PAYMENT_SECONDS": "7200",
    # Periodic work grows with the cases: they create many sales, whose stock no case needs in Redis.
    "PROMOTION_STOCK_SECONDS": "30",
}


def operations() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield domain, name and contract of every operation."""
    for domain, document in DOCUMENTS.items():
        for path in document["paths"].values():
            for method in path.values():
                if isinstance(method, dict):
                    yield domain, method["operationId"], method


@dataclass(frozen=True)
class Shop:
    """The running shop, its callers, and the seeds of their cases."""

    contracts: Mapping[str, Contract]
    callers: Mapping[str, Caller]
    seeds: Mapping[tuple[str, str], Seeds]
    """By domain and caller."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    mail = tmp_path_factory.mktemp("mail")
    with ExitStack() as stack:
        running = stack.enter_context(SHOP.running(**SETTINGS, USER_MAIL_URL=f"file:{mail}"))
        boss = SHOP.token("1", "--role", "operator")

        def client(token: str, domain: str) -> Any:
            return stack.enter_context(running.client(token, domain))

        people = People(client(boss, "user"))
        callers: dict[str, Caller] = {}
        seeds: dict[tuple[str, str], Seeds] = {}
        for name, roles in {"customer": (), "operator": ("operator",)}.items():
            user = people.person(*roles)
            token = people.sign_in(user)["accessToken"]
            callers[name] = Caller.bearing(name, token)
            seeds["user", name] = UserSeeds(people, client(token, "user"), user["id"], mail)
            promotion = PromotionSeeds(client(boss, "promotion"), client(token, "promotion"))
            seeds["promotion", name] = promotion
            seeds["trade", name] = TradeSeeds(client(boss, "trade"), client(token, "trade"), promotion)
        callers["nobody"] = Caller.nobody(token)
        seeds |= {(domain, "nobody"): seeds[domain, "customer"] for domain in DOMAINS}
        contracts = {
            domain: Contract(document, running.rest(domain) + "/v1") for domain, document in DOCUMENTS.items()
        }
        yield Shop(contracts, callers, seeds)


@pytest.fixture(scope="module")
def fuzzers() -> Iterator[Mapping[str, Fuzzer]]:
    """The fuzzers by domain; they print their answers at the end."""
    fuzzers = {domain: Fuzzer(pauses=PAUSES) for domain in DOMAINS}
    yield fuzzers
    for domain, fuzzer in fuzzers.items():
        print(f"\n{domain}\n{fuzzer.answers.table()}")


@pytest.mark.prove
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("caller", ["customer", "operator", "nobody"])
@pytest.mark.parametrize(("domain", "name"), [(domain, name) for domain, name, _ in operations()])
def test_every_operation_keeps_its_contract(
    shop: Shop, fuzzers: Mapping[str, Fuzzer], domain: str, name: str, caller: str
) -> None:
    fuzzer, operation = fuzzers[domain], shop.contracts[domain].operation(name)
    refused = caller == "nobody" and not operation.public
    fuzzer.fuzz(operation, shop.callers[caller], None if refused else shop.seeds[domain, caller])
    if refused:
        assert set(fuzzer.answers.of(name, caller)) == {401}
    elif caller == "customer" and name in OPERATORS_ONLY:
        assert set(fuzzer.answers.of(name, caller, "positive")) == {403}
    else:
        fuzzer.answers.enough(name, caller)
        assert operation.public or not {401, 403} & set(fuzzer.answers.of(name, caller))


@dataclass(frozen=True)
class Broken:
    """A change to a contract that the service then violates, and the failure that must report it."""

    domain: str
    operation: str
    change: Callable[[Any], object]
    failure: str


BROKEN: Final = {
    "an answer lacks what the contract requires": Broken(
        "user",
        "getProfile",
        lambda contract: contract["components"]["schemas"]["Profile"]["required"].append("age"),
        "JsonSchemaError",
    ),
    "a status is not in the contract": Broken(
        "user",
        "getKeys",
        lambda contract: contract["paths"]["/.well-known/jwks.json"]["get"]["responses"].pop("200"),
        "UndefinedStatusCode",
    ),
    "a header is not what the contract says": Broken(
        "user",
        "getProfile",
        lambda contract: contract["components"]["headers"]["Version"]["schema"].update(maxLength=1),
        "JsonSchemaError",
    ),
    "what the contract allows is refused": Broken(
        "trade",
        "listOrders",
        lambda contract: contract["components"]["parameters"]["PageSize"]["schema"].update(maximum=1000),
        "RejectedPositiveData",
    ),
    "what the contract forbids is accepted": Broken(
        "user",
        "getProfile",
        lambda contract: contract["paths"]["/me"]["get"].update(
            parameters=[{"in": "header", "name": "Fur", "required": True, "schema": {"enum": ["tabby"]}}]
        ),
        "AcceptedNegativeData",
    ),
    "nobody is asked for the token that the contract wants": Broken(
        "user",
        "getKeys",
        lambda contract: contract["paths"]["/.well-known/jwks.json"]["get"].pop("security"),
        "IgnoredAuth",
    ),
}


@pytest.mark.prove
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_promise_is_found(shop: Shop, broken: Broken) -> None:
    document = copy.deepcopy(DOCUMENTS[broken.domain])
    broken.change(document)
    contract = Contract(document, shop.contracts[broken.domain].base_url, cases=100)
    with pytest.raises(FailureGroup) as found:
        Fuzzer().fuzz(
            contract.operation(broken.operation),
            shop.callers["customer"],
            shop.seeds[broken.domain, "customer"],
        )
    assert broken.failure in {type(each).__name__ for each in found.value.exceptions}


def test_the_contracts_mark_the_same_operations_as_operators_only() -> None:
    said = re.compile(r"; (for operators|operators only)\.$")
    assert {
        name for _, name, operation in operations() if said.search(operation["summary"])
    } == OPERATORS_ONLY
