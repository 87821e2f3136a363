"""The composition root: the only file that knows everything, and the only one that knows the injector.

Every object is made once, when a role starts; nothing asks the container for anything while serving. Making them
connects to nothing, so that `aether check` can prove that they fit.
"""

from aether_adapters.grpc import AsyncChannel, Channel
from aether_adapters.grpc import probe as probe_rpc
from aether_adapters.ids import Snowflakes, WorkerLease
from aether_adapters.kafka import Consumer, Producer
from aether_adapters.kafka import probe as probe_kafka
from aether_adapters.kernel.clock import SystemClock
from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import readiness
from aether_adapters.redis import connect as connect_redis
from aether_adapters.rest import By, Limits, Offload, build_app
from aether_adapters.service.revocations import revocations
from aether_adapters.service.roles import GrpcServer, Process, RestServer
from aether_adapters.service.wiring import outbox_relay, rest_options, shared_limit, token_verifier
from aether_adapters.sql import Transactions as SqlTransactions
from aether_adapters.sql import connect as connect_sql
from aether_adapters.sql import probe as probe_database
from dependency_injector import containers, providers
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
from aether_user.application.ports import (
    Cards,
    Clock,
    Ids,
    KeyMaker,
    Passwords,
    Presences,
    Signer,
    Throttle,
    Transactions,
)
from aether_user.application.present_keys import PresentKeys
from aether_user.application.read_user import ReadUser
from aether_user.application.refresh_tokens import RefreshTokens
from aether_user.application.register import Register
from aether_user.application.set_roles import SetRoles
from aether_user.application.sign_in import SignIn
from aether_user.application.sign_out import SignOut
from aether_user.application.sign_out_everywhere import SignOutEverywhere
from aether_user.application.unban_user import UnbanUser
from aether_user.domain.errors import (
    Conflict,
    Invalid,
    NotFound,
    OperatorsOnly,
    RefreshTokenRefused,
    SignInRefused,
    UserHasChanged,
    UserIsBanned,
)
from aether_user.settings import Settings

ERRORS = ErrorTable(
    "user",
    {
        Invalid: Kind.INVALID,
        NotFound: Kind.NOT_FOUND,
        Conflict: Kind.CONFLICT,
        UserHasChanged: Kind.STALE,
        SignInRefused: Kind.UNAUTHENTICATED,
        RefreshTokenRefused: Kind.UNAUTHENTICATED,
        UserIsBanned: Kind.FORBIDDEN,
        OperatorsOnly: Kind.FORBIDDEN,
    },
)

EDGE = "aether-user-api"


def limits(client: Redis, settings: Settings) -> Limits:
    """By user and by address; stricter where somebody tries a password or takes a name."""
    user = shared_limit(client, EDGE, "user", By.USER, settings.user_rate, settings.user_burst)
    address = shared_limit(client, EDGE, "address", By.ADDRESS, settings.address_rate, settings.address_burst)
    door = shared_limit(client, EDGE, "door", By.ADDRESS, settings.door_rate, settings.door_burst)
    return Limits(everywhere=(user, address), operations={"signIn": (door,), "register": (door,)})


class Container(containers.DeclarativeContainer):
    settings = providers.Singleton(Settings)
    roles = providers.Object(frozenset({"api", "rpc", "worker"}))
    """Those of this process; whoever makes the container says which."""

    # The servers behind it.
    engine = providers.Singleton(
        connect_sql, settings.provided.database_url, pool=settings.provided.connections
    )
    redis = providers.Singleton(
        connect_redis, settings.provided.redis_url, pool=settings.provided.connections
    )
    producer = providers.Singleton(Producer, settings.provided.kafka_bootstrap)

    # What the use cases need.
    transactions: providers.Provider[Transactions] = providers.Singleton(
        SqlTransactions, engine, unit_of_work
    )
    throttle: providers.Provider[Throttle] = providers.Singleton(
        RedisThrottle,
        redis,
        account=providers.Singleton(
            Pace, rate=settings.provided.account_rate, burst=settings.provided.account_burst
        ),
        address=providers.Singleton(
            Pace, rate=settings.provided.door_rate, burst=settings.provided.door_burst
        ),
    )
    presences: providers.Provider[Presences] = providers.Singleton(RedisPresences, redis)
    cards: providers.Provider[Cards] = providers.Singleton(
        RedisCards,
        redis,
        providers.Singleton(LoadCard, transactions=transactions),
        seconds=settings.provided.card_seconds,
    )
    passwords: providers.Provider[Passwords] = providers.Singleton(
        Argon2Passwords,
        passes=settings.provided.hash_passes,
        kibibytes=settings.provided.hash_kibibytes,
        lanes=settings.provided.hash_lanes,
        at_once=settings.provided.hashes_at_once,
    )
    key_maker: providers.Provider[KeyMaker] = providers.Singleton(EcKeyMaker, settings.provided.secret)
    signer: providers.Provider[Signer] = providers.Singleton(
        JwtSigner,
        secret=settings.provided.secret,
        issuer=settings.provided.token_issuer,
        audience=settings.provided.token_audience,
        seconds=settings.provided.access_seconds,
    )
    clock: providers.Provider[Clock] = providers.Singleton(SystemClock)
    worker_number = providers.Singleton(WorkerLease, engine)
    ids: providers.Provider[Ids] = providers.Singleton(Snowflakes, worker_number)

    # The use cases, as the contract calls them.
    present_keys = providers.Singleton(
        PresentKeys,
        transactions=transactions,
        maker=key_maker,
        clock=clock,
        terms=settings.provided.key_terms,
    )
    get_keys = providers.Singleton(GetKeys, keys=present_keys)
    give_tokens = providers.Singleton(GiveTokens, keys=present_keys, signer=signer, presences=presences)
    service = providers.Singleton(
        port.UserService,
        register=providers.Singleton(
            Register, transactions=transactions, passwords=passwords, clock=clock, ids=ids
        ),
        sign_in=providers.Singleton(
            SignIn,
            transactions=transactions,
            throttle=throttle,
            passwords=passwords,
            give_tokens=give_tokens,
            clock=clock,
            ids=ids,
            session_life=settings.provided.session_life,
        ),
        refresh_tokens=providers.Singleton(
            RefreshTokens,
            transactions=transactions,
            give_tokens=give_tokens,
            presences=presences,
            clock=clock,
            session_life=settings.provided.session_life,
        ),
        list_sessions=providers.Singleton(ListSessions, presences=presences, clock=clock),
        sign_out=providers.Singleton(SignOut, transactions=transactions, presences=presences, clock=clock),
        sign_out_everywhere=providers.Singleton(
            SignOutEverywhere, transactions=transactions, presences=presences, clock=clock
        ),
        get_keys=get_keys,
        get_profile=providers.Singleton(GetProfile, transactions=transactions),
        change_profile=providers.Singleton(
            ChangeProfile, transactions=transactions, cards=cards, clock=clock
        ),
        get_points=providers.Singleton(GetPoints, transactions=transactions),
        read_user=providers.Singleton(ReadUser, transactions=transactions),
        set_roles=providers.Singleton(SetRoles, transactions=transactions, cards=cards, clock=clock),
        ban_user=providers.Singleton(
            BanUser, transactions=transactions, presences=presences, cards=cards, clock=clock
        ),
        unban_user=providers.Singleton(UnbanUser, transactions=transactions, cards=cards, clock=clock),
        get_user=providers.Singleton(GetUser, cards=cards),
    )
    grant_operator = providers.Singleton(GrantOperator, transactions=transactions, cards=cards, clock=clock)
    count_points = providers.Singleton(CountPoints, transactions=transactions)
    forget_sessions = providers.Singleton(ForgetSessions, transactions=transactions, clock=clock)

    # The doors.
    # Tokens are verified with this domain's own keys, and with those of whoever else may sign: see USER_JWKS.
    published = providers.Selector(
        settings.provided.arrangement,
        in_process=providers.Singleton(PublishedKeys, get_keys),
        gateway=providers.Singleton(
            PublishedKeys,
            providers.Singleton(
                grpc.client, providers.Singleton(Channel, settings.provided.rpc_target)
            ).provided.get_keys,
        ),
    )
    verifier = providers.Singleton(token_verifier, settings, published, pause=1.0)
    revocations = providers.Singleton(
        revocations,
        settings.provided.kafka_bootstrap,
        TOPIC,
        providers.Dict({REVOKED: providers.Object(revocation)}),
        verifier,
    )
    # Readiness does not ask for Redis: only the list of sessions waits for it.
    database_probe = providers.Singleton(probe_database, engine)
    kafka_probe = providers.Singleton(probe_kafka, settings.provided.kafka_bootstrap)
    rpc_probe = providers.Singleton(probe_rpc, settings.provided.rpc_target)
    health = providers.Singleton(
        readiness,
        roles,
        settings.provided.arrangement,
        use_cases=providers.Dict(database=database_probe.provider),
        worker=providers.Dict(database=database_probe.provider, kafka=kafka_probe.provider),
        gateway=providers.Dict(rpc=rpc_probe.provider),
    )
    behind_rest = providers.Selector(
        settings.provided.arrangement,
        in_process=providers.Singleton(
            threads.in_threads,
            service,
            providers.Singleton(Offload, settings.provided.threads, settings.provided.queue),
        ),
        gateway=providers.Singleton(
            grpc.async_client,
            providers.Singleton(
                AsyncChannel, settings.provided.rpc_target, timeout=settings.provided.deadline_seconds
            ),
        ),
    )
    rest_app = providers.Singleton(
        build_app,
        rest.CONTRACT,
        providers.Singleton(rest.operations, behind_rest),
        errors=ERRORS,
        verify=verifier,
        health=health,
        options=providers.Singleton(rest_options, settings),
        limits=providers.Singleton(limits, redis, settings),
    )
    rest_door = providers.Singleton(RestServer, settings, rest_app)
    rpc_service = providers.Singleton(grpc.service, service)
    grpc_door = providers.Singleton(
        GrpcServer, settings, providers.List(rpc_service), errors=ERRORS, verify=verifier, health=health
    )

    # The worker: events out of the outbox, and in from the topic.
    relay = providers.Singleton(outbox_relay, settings, engine, producer, outbox=OUTBOX, inbox=INBOX)
    own_events = providers.Singleton(
        Consumer,
        settings.provided.kafka_bootstrap,
        SOURCE,
        [TOPIC],
        providers.Singleton(own_handlers, cards),
        dead_letters=producer,
    )
    trade_events = providers.Singleton(
        Consumer,
        settings.provided.kafka_bootstrap,
        f"{SOURCE}-points",
        [TRADE_TOPIC],
        providers.Singleton(trade_handlers, count_points),
        dead_letters=producer,
    )
    janitor = providers.Singleton(Janitor, forget_sessions)

    # What runs in each role, and the process that `python -m aether_user ROLE...` is.
    process = providers.Singleton(
        Process,
        settings,
        roles,
        health=health,
        worker_number=worker_number,
        runs=providers.Dict(
            api=providers.Dict(rest=rest_door.provider, revocations=revocations.provider),
            rpc=providers.Dict(grpc=grpc_door.provider, revocations=revocations.provider),
            worker=providers.Dict(
                relay=relay.provider,
                own_events=own_events.provider,
                trade_events=trade_events.provider,
                janitor=janitor.provider,
            ),
        ),
    )
