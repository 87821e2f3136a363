"""Composition root of the service: builds its objects and passes each what it needs. Only this file uses the injector.

Each object is built once, before its role starts; nothing asks the container for anything while serving. Building
connects to nothing, so `aether check` builds everything too and reports what does not fit.
"""

from aether_adapters.grpc import Channel
from aether_adapters.ids import Snowflakes
from aether_adapters.kernel.clock import SystemClock
from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.rest import By, Limits
from aether_adapters.service import wiring
from aether_adapters.service.assembly import Edges, Servers, assemble
from aether_adapters.service.backing import BackingServices
from aether_adapters.service.revocations import revocation_listener
from aether_adapters.sql import Transactions as SqlTransactions
from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import Dict, Object, Provider, Selector, Singleton
from redis import Redis

from aether.user.v1 import grpc, port, threads
from aether_openapi import user as rest
from aether_user.adapters.consumer import own_handlers, trade_handlers
from aether_user.adapters.events import REVOKED, SOURCE, TOPIC, TRADE_TOPIC, revocation
from aether_user.adapters.janitor import Janitor
from aether_user.adapters.passwords import Argon2Passwords
from aether_user.adapters.published import PublishedKeys
from aether_user.adapters.redis import Pace, RedisCards, RedisPresences, RedisThrottle
from aether_user.adapters.sql import unit_of_work
from aether_user.adapters.tables import INBOX, OUTBOX
from aether_user.adapters.tokens import EcKeyMaker, JwtSigner
from aether_user.application import ports
from aether_user.application.ban_user import BanUser
from aether_user.application.change_profile import ChangeProfile
from aether_user.application.count_points import CountPoints
from aether_user.application.forget_sessions import ForgetSessions
from aether_user.application.get_keys import GetKeys
from aether_user.application.get_points import GetPoints
from aether_user.application.get_profile import GetProfile
from aether_user.application.get_user import GetUser
from aether_user.application.give_tokens import GiveTokens
from aether_user.application.grant_operator import GrantOperator
from aether_user.application.list_sessions import ListSessions
from aether_user.application.load_card import LoadCard
from aether_user.application.present_keys import PresentKeys
from aether_user.application.read_user import ReadUser
from aether_user.application.refresh_tokens import RefreshTokens
from aether_user.application.register import Register
from aether_user.application.set_roles import SetRoles
from aether_user.application.sign_in import SignIn
from aether_user.application.sign_out import SignOut
from aether_user.application.sign_out_everywhere import SignOutEverywhere
from aether_user.application.unban_user import UnbanUser
from aether_user.domain import errors
from aether_user.settings import Settings

ERRORS = ErrorTable(
    "user",
    {
        errors.Invalid: Kind.INVALID,
        errors.NotFound: Kind.NOT_FOUND,
        errors.Conflict: Kind.CONFLICT,
        errors.UserHasChanged: Kind.STALE,
        errors.SignInRefused: Kind.UNAUTHENTICATED,
        errors.RefreshTokenRefused: Kind.UNAUTHENTICATED,
        errors.UserIsBanned: Kind.FORBIDDEN,
        errors.OperatorsOnly: Kind.FORBIDDEN,
    },
)
EDGES = Edges(grpc=grpc, rest=rest, threads=threads, errors=ERRORS)
API = "aether-user-api"


def limits(client: Redis, settings: Settings) -> Limits:
    """Limit each user and each address; signing in and registering are limited more strictly."""
    sign_in = wiring.shared_limit(client, API, "door", By.ADDRESS, settings.door_rate, settings.door_burst)
    everywhere = wiring.caller_limits(client, API, settings)
    return Limits(everywhere=everywhere, operations={"signIn": (sign_in,), "register": (sign_in,)})


class Container(DeclarativeContainer):
    settings = Singleton(Settings)
    backing = Singleton(BackingServices, settings)

    # What the use cases need.
    passwords: Provider[ports.Passwords] = Singleton(
        Argon2Passwords,
        passes=settings.provided.hash_passes,
        kibibytes=settings.provided.hash_kibibytes,
        lanes=settings.provided.hash_lanes,
        at_once=settings.provided.hashes_at_once,
    )
    key_maker: Provider[ports.KeyMaker] = Singleton(EcKeyMaker, settings.provided.secret)
    signer: Provider[ports.Signer] = Singleton(
        JwtSigner,
        secret=settings.provided.secret,
        issuer=settings.provided.token_issuer,
        audience=settings.provided.token_audience,
        seconds=settings.provided.access_seconds,
    )
    transactions: Provider[ports.Transactions] = Singleton(
        SqlTransactions, backing.provided.database, unit_of_work
    )
    account_pace = Singleton(Pace, rate=settings.provided.account_rate, burst=settings.provided.account_burst)
    address_pace = Singleton(Pace, rate=settings.provided.door_rate, burst=settings.provided.door_burst)
    throttle: Provider[ports.Throttle] = Singleton(
        RedisThrottle, backing.provided.redis, account=account_pace, address=address_pace
    )
    presences: Provider[ports.Presences] = Singleton(RedisPresences, backing.provided.redis)
    load_card = Singleton(LoadCard, transactions=transactions)
    cards: Provider[ports.Cards] = Singleton(
        RedisCards, backing.provided.redis, load_card, seconds=settings.provided.card_seconds
    )
    clock: Provider[ports.Clock] = Singleton(SystemClock)
    ids: Provider[ports.Ids] = Singleton(Snowflakes, backing.provided.worker_number)

    # The use cases, as the contract calls them.
    present_keys = Singleton(
        PresentKeys,
        transactions=transactions,
        maker=key_maker,
        clock=clock,
        terms=settings.provided.key_terms,
    )
    get_keys = Singleton(GetKeys, keys=present_keys)
    give_tokens = Singleton(GiveTokens, keys=present_keys, signer=signer, presences=presences)
    service = Singleton(
        port.UserService,
        register=Singleton(Register, transactions=transactions, passwords=passwords, clock=clock, ids=ids),
        sign_in=Singleton(
            SignIn,
            transactions=transactions,
            throttle=throttle,
            passwords=passwords,
            give_tokens=give_tokens,
            clock=clock,
            ids=ids,
            session_life=settings.provided.session_life,
        ),
        refresh_tokens=Singleton(
            RefreshTokens,
            transactions=transactions,
            give_tokens=give_tokens,
            presences=presences,
            clock=clock,
            session_life=settings.provided.session_life,
        ),
        list_sessions=Singleton(ListSessions, presences=presences, clock=clock),
        sign_out=Singleton(SignOut, transactions=transactions, presences=presences, clock=clock),
        sign_out_everywhere=Singleton(
            SignOutEverywhere, transactions=transactions, presences=presences, clock=clock
        ),
        get_keys=get_keys,
        get_profile=Singleton(GetProfile, transactions=transactions),
        change_profile=Singleton(ChangeProfile, transactions=transactions, cards=cards, clock=clock),
        get_points=Singleton(GetPoints, transactions=transactions),
        read_user=Singleton(ReadUser, transactions=transactions),
        set_roles=Singleton(SetRoles, transactions=transactions, cards=cards, clock=clock),
        ban_user=Singleton(BanUser, transactions=transactions, presences=presences, cards=cards, clock=clock),
        unban_user=Singleton(UnbanUser, transactions=transactions, cards=cards, clock=clock),
        get_user=Singleton(GetUser, cards=cards),
    )
    grant_operator = Singleton(GrantOperator, transactions=transactions, cards=cards, clock=clock)
    count_points = Singleton(CountPoints, transactions=transactions)
    forget_sessions = Singleton(ForgetSessions, transactions=transactions, clock=clock)

    # What guards the servers. Tokens are verified with this domain's own keys, and with those at USER_JWKS. A gateway
    # fetches the keys from its rpc role.
    rpc_channel = Singleton(Channel, settings.provided.rpc_target)
    published = Selector(
        settings.provided.arrangement,
        in_process=Singleton(PublishedKeys, get_keys),
        gateway=Singleton(PublishedKeys, Singleton(grpc.client, rpc_channel).provided.get_keys),
    )
    limits = Singleton(limits, backing.provided.redis, settings)
    verifier = Singleton(wiring.token_verifier, settings, published, pause=1.0)
    revocations = Singleton(revocation_listener, settings, TOPIC, {REVOKED: revocation}, verifier)

    # The worker: relays the outbox, and consumes user's own events and trade's.
    relay = Singleton(wiring.outbox_relay, backing, outbox=OUTBOX, inbox=INBOX)
    own_events = Singleton(wiring.consumer, backing, SOURCE, [TOPIC], Singleton(own_handlers, cards))
    trade_events = Singleton(
        wiring.consumer, backing, f"{SOURCE}-points", [TRADE_TOPIC], Singleton(trade_handlers, count_points)
    )
    janitor = Singleton(Janitor, forget_sessions)

    # Readiness does not check Redis, because only the list of sessions needs it.
    servers = Singleton(
        Servers, EDGES, service.provider, verifier.provider, limits.provider, revocations.provider
    )
    worker = Dict(
        relay=relay.provider,
        own_events=own_events.provider,
        trade_events=trade_events.provider,
        janitor=janitor.provider,
    )
    roles = Object(frozenset({"api", "rpc", "worker"}))
    process = Singleton(assemble, backing, roles, servers, worker)
