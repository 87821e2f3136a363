"""Composition root of the service: builds its objects and passes each what it needs. Only this file uses the injector.

Each object is built once, before its role starts; nothing asks the container for anything while serving. Building
connects to nothing, so `aether check` builds everything too and reports what does not fit.
"""

from aether_adapters.ids import Snowflakes
from aether_adapters.kernel.clock import SystemClock, SystemStopwatch
from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.rest import Limits
from aether_adapters.service import wiring
from aether_adapters.service.assembly import Edges, Servers, assemble
from aether_adapters.service.backing import BackingServices
from aether_adapters.service.periodic import Periodic
from aether_adapters.service.revocations import revocation_listener
from aether_adapters.sql import Transactions as SqlTransactions
from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import Dict, Object, Provider, Singleton

from aether.promotion.v1 import grpc as promotion
from aether.trade.v1 import grpc, port, threads
from aether_openapi import trade as rest
from aether_trade.adapters.events import REVOKED, SOURCE, USER_TOPIC, revocation
from aether_trade.adapters.payment import HttpPayments
from aether_trade.adapters.promotion import RemotePromotions
from aether_trade.adapters.remembered_refusals import RememberedRefusals
from aether_trade.adapters.sql import unit_of_work
from aether_trade.adapters.tables import INBOX, OUTBOX
from aether_trade.application import ports
from aether_trade.application.cancel_order import CancelOrder
from aether_trade.application.change_course import ChangeCourse
from aether_trade.application.close_overdue_orders import CloseOverdueOrders
from aether_trade.application.create_course import CreateCourse
from aether_trade.application.finish_order import FinishOrder
from aether_trade.application.forget_keys import ForgetKeys
from aether_trade.application.get_course import GetCourse
from aether_trade.application.get_order import GetOrder
from aether_trade.application.get_order_state import GetOrderState
from aether_trade.application.list_courses import ListCourses
from aether_trade.application.list_orders import ListOrders
from aether_trade.application.place_order import PlaceOrder
from aether_trade.application.place_order_saga import PlaceOrderSaga
from aether_trade.application.receive_payment_notice import ReceivePaymentNotice
from aether_trade.application.refund_order import RefundOrder
from aether_trade.application.send_refunds import SendRefunds
from aether_trade.application.start_payment import StartPayment
from aether_trade.domain import errors
from aether_trade.settings import Settings

ERRORS = ErrorTable(
    "trade",
    {
        errors.Invalid: Kind.INVALID,
        errors.OperatorsOnly: Kind.FORBIDDEN,
        errors.SignatureForged: Kind.FORBIDDEN,
        errors.NotFound: Kind.NOT_FOUND,
        errors.Conflict: Kind.CONFLICT,
        errors.CourseHasChanged: Kind.STALE,
        errors.OrderHasChanged: Kind.STALE,
    },
)
EDGES = Edges(grpc=grpc, rest=rest, threads=threads, errors=ERRORS)
API = "aether-trade-api"
KEY_PRUNING_SECONDS = 3600.0


class Container(DeclarativeContainer):
    settings = Singleton(Settings)
    backing = Singleton(BackingServices, settings)

    # What the use cases need.
    transactions: Provider[ports.Transactions] = Singleton(
        SqlTransactions, backing.provided.database, unit_of_work
    )
    promotion_channel = Singleton(
        wiring.service_channel,
        settings,
        SOURCE,
        settings.provided.promotion_target,
        settings.provided.promotion_audience,
    )
    clock: Provider[ports.Clock] = Singleton(SystemClock)
    stopwatch: Provider[ports.Stopwatch] = Singleton(SystemStopwatch)
    promotions: Provider[RememberedRefusals] = Singleton(
        RememberedRefusals, Singleton(RemotePromotions, Singleton(promotion.client, promotion_channel)), clock
    )
    payments: Provider[ports.Payments] = Singleton(
        HttpPayments,
        settings.provided.payment_url,
        settings.provided.payment_secrets,
        notify_url=settings.provided.notify_url,
        connections=settings.provided.connections,
        neighbour=Singleton(wiring.neighbour, settings, "payment"),
    )
    ids: Provider[ports.Ids] = Singleton(Snowflakes, backing.provided.worker_number)

    # The use cases, as the contract calls them.
    saga = Singleton(
        PlaceOrderSaga,
        transactions=transactions,
        promotions=promotions,
        clock=clock,
        ids=ids,
        payment_time=settings.provided.payment_time,
        grace=settings.provided.grace,
    )
    service = Singleton(
        port.TradeService,
        create_course=Singleton(CreateCourse, transactions=transactions, clock=clock, ids=ids),
        get_course=Singleton(GetCourse, transactions=transactions),
        list_courses=Singleton(ListCourses, transactions=transactions),
        change_course=Singleton(ChangeCourse, transactions=transactions),
        place_order=Singleton(
            PlaceOrder,
            saga=saga,
            transactions=transactions,
            refusals=promotions,
            ids=ids,
            stopwatch=stopwatch,
        ),
        get_order=Singleton(GetOrder, transactions=transactions),
        list_orders=Singleton(ListOrders, transactions=transactions),
        start_payment=Singleton(StartPayment, transactions=transactions, payments=payments, clock=clock),
        receive_payment_notice=Singleton(
            ReceivePaymentNotice, transactions=transactions, payments=payments, clock=clock, ids=ids
        ),
        cancel_order=Singleton(CancelOrder, transactions=transactions, clock=clock),
        finish_order=Singleton(FinishOrder, transactions=transactions, clock=clock),
        refund_order=Singleton(RefundOrder, transactions=transactions, clock=clock, ids=ids),
        get_order_state=Singleton(GetOrderState, transactions=transactions),
    )
    close_overdue_orders = Singleton(CloseOverdueOrders, transactions=transactions, clock=clock)
    forget_keys = Singleton(ForgetKeys, transactions=transactions, after=settings.provided.key_life)
    send_refunds = Singleton(SendRefunds, transactions=transactions, payments=payments, clock=clock)

    # What guards the servers.
    limits = Singleton(
        Limits, everywhere=Singleton(wiring.caller_limits, backing.provided.redis, API, settings)
    )
    verifier = Singleton(wiring.token_verifier, settings)
    revocations = Singleton(revocation_listener, settings, USER_TOPIC, {REVOKED: revocation}, verifier)

    # The worker: relays the outbox, and runs the periodic use cases.
    relay = Singleton(wiring.outbox_relay, backing, outbox=OUTBOX, inbox=INBOX)
    closer = Singleton(
        Periodic, "close overdue orders", close_overdue_orders, settings.provided.closing_seconds, ERRORS
    )
    forgetter = Singleton(Periodic, "forget idempotency keys", forget_keys, KEY_PRUNING_SECONDS, ERRORS)
    refunder = Singleton(Periodic, "send refunds", send_refunds, settings.provided.closing_seconds, ERRORS)

    # Readiness checks neither Redis, without which limits count in the process, nor promotion or the payment provider,
    # without which orders can still be read, cancelled and closed.
    servers = Singleton(
        Servers, EDGES, service.provider, verifier.provider, limits.provider, revocations.provider
    )
    worker = Dict(
        relay=relay.provider,
        closer=closer.provider,
        forgetter=forgetter.provider,
        refunder=refunder.provider,
    )
    roles = Object(frozenset({"api", "rpc", "worker"}))
    process = Singleton(assemble, backing, roles, servers, worker)
