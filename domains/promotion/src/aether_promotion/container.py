"""Composition root of the service: builds its objects and passes each what it needs. Only this file uses the injector.

Each object is built once, before its role starts; nothing asks the container for anything while serving. Building
connects to nothing, so `aether check` builds everything too and reports what does not fit.
"""

from aether_adapters.ids import Snowflakes
from aether_adapters.kafka import BatchingProducer
from aether_adapters.kernel.clock import SystemClock
from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.rest import By, Limits
from aether_adapters.service import wiring
from aether_adapters.service.assembly import Edges, Servers, assemble
from aether_adapters.service.backing import BackingServices
from aether_adapters.service.periodic import Periodic
from aether_adapters.service.revocations import revocation_listener
from aether_adapters.sql import Transactions as SqlTransactions
from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import Dict, Object, Provider, Singleton
from redis import Redis

from aether.promotion.v1 import grpc, port, threads
from aether.trade.v1 import grpc as trade
from aether_openapi import promotion as rest
from aether_promotion.adapters.allowance import LocalAllowance
from aether_promotion.adapters.claim_counter import RedisClaimCounter
from aether_promotion.adapters.consumer import claim_batches, claim_handlers, order_handlers
from aether_promotion.adapters.events import REVOKED, SOURCE, TOPIC, TRADE_TOPIC, USER_TOPIC, revocation
from aether_promotion.adapters.kafka import KafkaClaimLog
from aether_promotion.adapters.sql import OUTBOX, unit_of_work
from aether_promotion.adapters.stock_counter import RedisStockCounter
from aether_promotion.adapters.trade import TradeOrders
from aether_promotion.application import ports
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
from aether_promotion.application.persist_claim import PersistClaims, SettleClaims
from aether_promotion.application.publish_template import PublishTemplate
from aether_promotion.application.published_terms import PublishedTerms
from aether_promotion.application.quote import Quote
from aether_promotion.application.reconcile_orders import ReconcileOrders
from aether_promotion.application.reserve import Reserve
from aether_promotion.application.settle_order import Confirm, RedeemCoupons, Release, ReleaseCoupons
from aether_promotion.application.withdraw_template import WithdrawTemplate
from aether_promotion.domain import errors
from aether_promotion.settings import Settings

ERRORS = ErrorTable(
    "promotion",
    {
        errors.Invalid: Kind.INVALID,
        errors.OperatorsOnly: Kind.FORBIDDEN,
        errors.NotFound: Kind.NOT_FOUND,
        errors.Conflict: Kind.CONFLICT,
        errors.TemplateHasChanged: Kind.STALE,
        errors.ActivityHasChanged: Kind.STALE,
        errors.NotNow: Kind.UNAVAILABLE,
    },
)
EDGES = Edges(grpc=grpc, rest=rest, threads=threads, errors=ERRORS)
API = "aether-promotion-api"


def limits(client: Redis, settings: Settings) -> Limits:
    """Limit each user and each address; a claim counts for both limits of its user."""
    claims = wiring.shared_limit(client, API, "claims", By.USER, settings.claim_rate, settings.claim_burst)
    everywhere = wiring.caller_limits(client, API, settings)
    return Limits(everywhere=everywhere, operations={"claimCoupon": (claims,)})


class Container(DeclarativeContainer):
    settings = Singleton(Settings)
    backing = Singleton(BackingServices, settings)

    # What the use cases need.
    transactions: Provider[ports.Transactions] = Singleton(
        SqlTransactions, backing.provided.database, unit_of_work
    )
    claim_counter: Provider[ports.ClaimCounter] = Singleton(RedisClaimCounter, backing.provided.redis)
    stock_counter: Provider[ports.StockCounter] = Singleton(RedisStockCounter, backing.provided.redis)
    # A separate producer, so that a claim does not wait behind a batch of the relay.
    claim_producer = Singleton(wiring.event_producer, settings)
    claim_log: Provider[ports.ClaimLog] = Singleton(
        KafkaClaimLog, Singleton(BatchingProducer, claim_producer)
    )
    allowance: Provider[ports.Allowance] = Singleton(
        LocalAllowance, rate=settings.provided.sql_rate, burst=settings.provided.sql_burst
    )
    trade_channel = Singleton(
        wiring.service_channel,
        settings,
        SOURCE,
        settings.provided.trade_target,
        settings.provided.trade_audience,
    )
    trade = Singleton(trade.client, trade_channel)
    orders: Provider[ports.Orders] = Singleton(TradeOrders, trade.provided.get_order_state)
    clock: Provider[ports.Clock] = Singleton(SystemClock)
    ids: Provider[ports.Ids] = Singleton(Snowflakes, backing.provided.worker_number)

    # What settles an order: for trade's calls, for its events, and when it is reconciled.
    confirm = Singleton(Confirm, transactions=transactions, counter=stock_counter)
    release = Singleton(Release, transactions=transactions, counter=stock_counter, clock=clock)
    redeem_coupons = Singleton(RedeemCoupons, transactions=transactions, clock=clock)
    release_coupons = Singleton(ReleaseCoupons, transactions=transactions)

    # The use cases, as the contract calls them.
    service = Singleton(
        port.PromotionService,
        create_template=Singleton(CreateTemplate, transactions=transactions, clock=clock, ids=ids),
        get_template=Singleton(GetTemplate, transactions=transactions),
        list_templates=Singleton(ListTemplates, transactions=transactions),
        publish_template=Singleton(PublishTemplate, transactions=transactions),
        withdraw_template=Singleton(
            WithdrawTemplate, transactions=transactions, counter=claim_counter, clock=clock
        ),
        claim_coupon=Singleton(
            ClaimCoupon,
            transactions=transactions,
            terms=Singleton(PublishedTerms, transactions=transactions),
            counter=claim_counter,
            log=claim_log,
            allowance=allowance,
            clock=clock,
            ids=ids,
        ),
        get_coupon=Singleton(GetCoupon, transactions=transactions, clock=clock),
        list_coupons=Singleton(ListCoupons, transactions=transactions, clock=clock),
        create_activity=Singleton(CreateActivity, transactions=transactions, ids=ids),
        get_activity=Singleton(GetActivity, transactions=transactions),
        list_activities=Singleton(ListActivities, transactions=transactions),
        close_activity=Singleton(CloseActivity, transactions=transactions, clock=clock),
        quote=Singleton(Quote, transactions=transactions, clock=clock),
        reserve=Singleton(
            Reserve, transactions=transactions, counter=stock_counter, allowance=allowance, clock=clock
        ),
        confirm=confirm,
        release=release,
        lock_coupons=Singleton(LockCoupons, transactions=transactions, clock=clock),
        redeem_coupons=redeem_coupons,
        release_coupons=release_coupons,
    )

    # Periodic use cases: they maintain claim authorities and stock, and reconcile orders with trade.
    keep_claim_authorities = Singleton(
        KeepClaimAuthorities, transactions=transactions, counter=claim_counter, log=claim_log, clock=clock
    )
    keep_stock = Singleton(KeepStock, transactions=transactions, counter=stock_counter, clock=clock)
    reconcile_orders = Singleton(
        ReconcileOrders,
        transactions=transactions,
        orders=orders,
        confirm=confirm,
        release=release,
        redeem=redeem_coupons,
        release_coupons=release_coupons,
        clock=clock,
    )

    # What guards the servers.
    limits = Singleton(limits, backing.provided.redis, settings)
    verifier = Singleton(wiring.token_verifier, settings)
    revocations = Singleton(revocation_listener, settings, USER_TOPIC, {REVOKED: revocation}, verifier)

    # The worker: relays the outbox, consumes claims and trade's orders, and runs the periodic use cases.
    # Two consumer groups, so that claims and orders do not wait for each other.
    relay = Singleton(wiring.outbox_relay, backing, outbox=OUTBOX)
    persist_claims = Singleton(PersistClaims, transactions=transactions, counter=claim_counter)
    settle_claims = Singleton(SettleClaims, transactions=transactions, clock=clock)
    claims_handled = Singleton(claim_handlers, persist_claims, settle_claims)
    claims_together = Singleton(claim_batches, persist_claims)
    claims = Singleton(wiring.consumer, backing, f"{SOURCE}-claims", [TOPIC], claims_handled, claims_together)
    orders_handled = Singleton(order_handlers, confirm, redeem_coupons, release, release_coupons)
    paid_orders = Singleton(wiring.consumer, backing, f"{SOURCE}-orders", [TRADE_TOPIC], orders_handled)
    authorities = Singleton(
        Periodic, "keep claim authorities", keep_claim_authorities, settings.provided.desk_seconds, ERRORS
    )
    stock = Singleton(Periodic, "keep stock", keep_stock, settings.provided.stock_seconds, ERRORS)
    reconciler = Singleton(
        Periodic, "reconcile orders", reconcile_orders, settings.provided.sweep_seconds, ERRORS
    )

    # Readiness does not check Redis, because SQL takes over.
    servers = Singleton(
        Servers, EDGES, service.provider, verifier.provider, limits.provider, revocations.provider
    )
    worker = Dict(
        relay=relay.provider,
        claims=claims.provider,
        orders=paid_orders.provider,
        authorities=authorities.provider,
        stock=stock.provider,
        reconcile_orders=reconciler.provider,
    )
    roles = Object(frozenset({"api", "rpc", "worker"}))
    process = Singleton(assemble, backing, roles, servers, worker)
