"""The composition root: the only file that knows everything, and the only one that knows the injector.

Every object is made once, when a role starts; nothing asks the container for anything while serving. Making them
connects to nothing, so that `aether check` can prove that they fit.
"""

from aether_adapters.grpc import AsyncChannel
from aether_adapters.grpc import probe as probe_rpc
from aether_adapters.ids import Snowflakes, WorkerLease
from aether_adapters.kafka import BatchingProducer, Consumer, Producer
from aether_adapters.kafka import probe as probe_kafka
from aether_adapters.kernel.clock import SystemClock
from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import readiness
from aether_adapters.redis import connect as connect_redis
from aether_adapters.rest import Offload, build_app
from aether_adapters.service.periodic import Periodic
from aether_adapters.service.revocations import revocations
from aether_adapters.service.roles import GrpcServer, Process, RestServer
from aether_adapters.service.wiring import outbox_relay, rest_options, service_channel, token_verifier
from aether_adapters.sql import Transactions as SqlTransactions
from aether_adapters.sql import connect as connect_sql
from aether_adapters.sql import probe as probe_database
from dependency_injector import containers, providers

from aether.promotion.v1 import grpc, port, threads
from aether.trade.v1 import grpc as trade
from aether_openapi import promotion as rest
from aether_promotion.adapters.allowance import LocalAllowance
from aether_promotion.adapters.claim_counter import RedisClaimCounter
from aether_promotion.adapters.consumer import claim_handlers, order_handlers
from aether_promotion.adapters.events import REVOKED, SOURCE, TOPIC, TRADE_TOPIC, USER_TOPIC, revocation
from aether_promotion.adapters.kafka import KafkaClaimLog
from aether_promotion.adapters.limits import limits
from aether_promotion.adapters.sql import INBOX, OUTBOX, unit_of_work
from aether_promotion.adapters.stock_counter import RedisStockCounter
from aether_promotion.adapters.trade import TradeOrders
from aether_promotion.application.claim_coupon import ClaimCoupon
from aether_promotion.application.close_activity import CloseActivity
from aether_promotion.application.create_activity import CreateActivity
from aether_promotion.application.create_template import CreateTemplate
from aether_promotion.application.get_activity import GetActivity
from aether_promotion.application.get_coupon import GetCoupon
from aether_promotion.application.get_template import GetTemplate
from aether_promotion.application.keep_claim_authorities import KeepClaimAuthorities
from aether_promotion.application.keep_stock import KeepStock
from aether_promotion.application.list_activities import ListActivities
from aether_promotion.application.list_coupons import ListCoupons
from aether_promotion.application.list_templates import ListTemplates
from aether_promotion.application.lock_coupons import LockCoupons
from aether_promotion.application.persist_claim import PersistClaim, SettleClaims
from aether_promotion.application.ports import (
    Allowance,
    ClaimCounter,
    ClaimLog,
    Clock,
    Ids,
    Orders,
    StockCounter,
    Transactions,
)
from aether_promotion.application.publish_template import PublishTemplate
from aether_promotion.application.published_terms import PublishedTerms
from aether_promotion.application.quote import Quote
from aether_promotion.application.reconcile_orders import ReconcileOrders
from aether_promotion.application.reserve import Reserve
from aether_promotion.application.settle_order import Confirm, RedeemCoupons, Release, ReleaseCoupons
from aether_promotion.application.withdraw_template import WithdrawTemplate
from aether_promotion.domain.errors import (
    ActivityHasChanged,
    Conflict,
    Invalid,
    NotFound,
    NotNow,
    OperatorsOnly,
    TemplateHasChanged,
)
from aether_promotion.settings import Settings

ERRORS = ErrorTable(
    "promotion",
    {
        Invalid: Kind.INVALID,
        OperatorsOnly: Kind.FORBIDDEN,
        NotFound: Kind.NOT_FOUND,
        Conflict: Kind.CONFLICT,
        TemplateHasChanged: Kind.STALE,
        ActivityHasChanged: Kind.STALE,
        NotNow: Kind.UNAVAILABLE,
    },
)


class Container(containers.DeclarativeContainer):
    settings = providers.Singleton(Settings)
    roles = providers.Object(frozenset({"api", "rpc", "worker"}))
    """Those of this process; whoever makes the container says which."""

    # The servers behind it.
    engine = providers.Singleton(
        connect_sql, settings.provided.database_url, pool=settings.provided.connections
    )
    # Short, because SQL steps in: a Redis that hangs must not hang the stampede.
    redis = providers.Singleton(
        connect_redis,
        settings.provided.redis_url,
        pool=settings.provided.connections,
        timeout_seconds=1.0,
        connect_seconds=0.5,
    )
    producer = providers.Singleton(Producer, settings.provided.kafka_bootstrap)

    # What the use cases need.
    transactions: providers.Provider[Transactions] = providers.Singleton(
        SqlTransactions, engine, unit_of_work
    )
    claim_counter: providers.Provider[ClaimCounter] = providers.Singleton(RedisClaimCounter, redis)
    stock_counter: providers.Provider[StockCounter] = providers.Singleton(RedisStockCounter, redis)
    # A producer of its own: a claim does not wait behind a batch of the relay's.
    claim_log: providers.Provider[ClaimLog] = providers.Singleton(
        KafkaClaimLog,
        providers.Singleton(
            BatchingProducer, providers.Singleton(Producer, settings.provided.kafka_bootstrap)
        ),
    )
    allowance: providers.Provider[Allowance] = providers.Singleton(
        LocalAllowance, rate=settings.provided.sql_rate, burst=settings.provided.sql_burst
    )
    trade = providers.Singleton(
        trade.client, providers.Singleton(service_channel, settings, SOURCE, settings.provided.trade_target)
    )
    orders: providers.Provider[Orders] = providers.Singleton(TradeOrders, trade.provided.get_order_state)
    clock: providers.Provider[Clock] = providers.Singleton(SystemClock)
    worker_number = providers.Singleton(WorkerLease, engine)
    ids: providers.Provider[Ids] = providers.Singleton(Snowflakes, worker_number)

    # What settles an order: for trade's calls, for its events, and for the sweeper.
    confirm = providers.Singleton(Confirm, transactions=transactions, counter=stock_counter)
    release = providers.Singleton(Release, transactions=transactions, counter=stock_counter, clock=clock)
    redeem_coupons = providers.Singleton(RedeemCoupons, transactions=transactions, clock=clock)
    release_coupons = providers.Singleton(ReleaseCoupons, transactions=transactions)

    # The use cases, as the contract calls them.
    service = providers.Singleton(
        port.PromotionService,
        create_template=providers.Singleton(CreateTemplate, transactions=transactions, clock=clock, ids=ids),
        get_template=providers.Singleton(GetTemplate, transactions=transactions),
        list_templates=providers.Singleton(ListTemplates, transactions=transactions),
        publish_template=providers.Singleton(PublishTemplate, transactions=transactions),
        withdraw_template=providers.Singleton(
            WithdrawTemplate, transactions=transactions, counter=claim_counter, clock=clock
        ),
        claim_coupon=providers.Singleton(
            ClaimCoupon,
            transactions=transactions,
            terms=providers.Singleton(PublishedTerms, transactions=transactions),
            counter=claim_counter,
            log=claim_log,
            allowance=allowance,
            clock=clock,
            ids=ids,
        ),
        get_coupon=providers.Singleton(GetCoupon, transactions=transactions, clock=clock),
        list_coupons=providers.Singleton(ListCoupons, transactions=transactions, clock=clock),
        create_activity=providers.Singleton(CreateActivity, transactions=transactions, ids=ids),
        get_activity=providers.Singleton(GetActivity, transactions=transactions),
        list_activities=providers.Singleton(ListActivities, transactions=transactions),
        close_activity=providers.Singleton(CloseActivity, transactions=transactions, clock=clock),
        quote=providers.Singleton(Quote, transactions=transactions, clock=clock),
        reserve=providers.Singleton(
            Reserve, transactions=transactions, counter=stock_counter, allowance=allowance, clock=clock
        ),
        confirm=confirm,
        release=release,
        lock_coupons=providers.Singleton(LockCoupons, transactions=transactions, clock=clock),
        redeem_coupons=redeem_coupons,
        release_coupons=release_coupons,
    )

    # The doors.
    verifier = providers.Singleton(token_verifier, settings)
    revocations = providers.Singleton(
        revocations,
        settings.provided.kafka_bootstrap,
        USER_TOPIC,
        providers.Dict({REVOKED: providers.Object(revocation)}),
        verifier,
    )
    # Readiness does not ask for Redis: SQL steps in.
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
        limits=providers.Singleton(
            limits,
            redis,
            user_rate=settings.provided.user_rate,
            user_burst=settings.provided.user_burst,
            address_rate=settings.provided.address_rate,
            address_burst=settings.provided.address_burst,
            claim_rate=settings.provided.claim_rate,
            claim_burst=settings.provided.claim_burst,
        ),
    )
    rest_door = providers.Singleton(RestServer, settings, rest_app)
    rpc_service = providers.Singleton(grpc.service, service)
    grpc_door = providers.Singleton(
        GrpcServer, settings, providers.List(rpc_service), errors=ERRORS, verify=verifier, health=health
    )

    # The worker: events out of the outbox, claims out of their log, orders from trade, and what is looked after.
    relay = providers.Singleton(outbox_relay, settings, engine, producer, outbox=OUTBOX, inbox=INBOX)
    # Two groups: a claim is not kept waiting by an order, nor an order by a stampede.
    claims = providers.Singleton(
        Consumer,
        settings.provided.kafka_bootstrap,
        f"{SOURCE}-claims",
        [TOPIC],
        providers.Singleton(
            claim_handlers,
            providers.Singleton(PersistClaim, transactions=transactions, counter=claim_counter),
            providers.Singleton(SettleClaims, transactions=transactions, clock=clock),
        ),
        dead_letters=producer,
    )
    paid_orders = providers.Singleton(
        Consumer,
        settings.provided.kafka_bootstrap,
        f"{SOURCE}-orders",
        [TRADE_TOPIC],
        providers.Singleton(order_handlers, confirm, redeem_coupons, release, release_coupons),
        dead_letters=producer,
    )
    keep_claim_authorities = providers.Singleton(
        Periodic,
        "desks",
        providers.Singleton(
            KeepClaimAuthorities, transactions=transactions, counter=claim_counter, log=claim_log, clock=clock
        ),
        settings.provided.desk_seconds,
    )
    keep_stock = providers.Singleton(
        Periodic,
        "stock",
        providers.Singleton(KeepStock, transactions=transactions, counter=stock_counter, clock=clock),
        settings.provided.stock_seconds,
    )
    reconcile_orders = providers.Singleton(
        Periodic,
        "sweep",
        providers.Singleton(
            ReconcileOrders,
            transactions=transactions,
            orders=orders,
            confirm=confirm,
            release=release,
            redeem=redeem_coupons,
            release_coupons=release_coupons,
            clock=clock,
        ),
        settings.provided.sweep_seconds,
    )

    # What runs in each role, and the process that `python -m aether_promotion ROLE...` is.
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
                claims=claims.provider,
                orders=paid_orders.provider,
                authorities=keep_claim_authorities.provider,
                stock=keep_stock.provider,
                reconcile_orders=reconcile_orders.provider,
            ),
        ),
    )
