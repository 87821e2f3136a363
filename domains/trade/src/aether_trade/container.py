"""The composition root: the only file that knows everything, and the only one that knows the injector.

Every object is made once, when a role starts; nothing asks the container for anything while serving. Making them
connects to nothing, so that `aether check` can prove that they fit.
"""

from aether_adapters.grpc import AsyncChannel
from aether_adapters.grpc import probe as probe_rpc
from aether_adapters.ids import Snowflakes, WorkerLease
from aether_adapters.kafka import Producer
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

from aether.promotion.v1 import grpc as promotion
from aether.trade.v1 import grpc, port, threads
from aether_openapi import trade as rest
from aether_trade.adapters.events import REVOKED, SOURCE, USER_TOPIC, revocation
from aether_trade.adapters.limits import limits
from aether_trade.adapters.payment import HttpPayments
from aether_trade.adapters.promotion import RemotePromotions
from aether_trade.adapters.sql import unit_of_work
from aether_trade.adapters.tables import INBOX, OUTBOX
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
from aether_trade.application.ports import Clock, Ids, Payments, Promotions, Transactions
from aether_trade.application.receive_payment_notice import ReceivePaymentNotice
from aether_trade.application.refund_order import RefundOrder
from aether_trade.application.send_refunds import SendRefunds
from aether_trade.application.start_payment import StartPayment
from aether_trade.domain.errors import (
    Conflict,
    CourseHasChanged,
    Invalid,
    NotFound,
    OperatorsOnly,
    OrderHasChanged,
    SignatureForged,
)
from aether_trade.settings import Settings

ERRORS = ErrorTable(
    "trade",
    {
        Invalid: Kind.INVALID,
        OperatorsOnly: Kind.FORBIDDEN,
        SignatureForged: Kind.FORBIDDEN,
        NotFound: Kind.NOT_FOUND,
        Conflict: Kind.CONFLICT,
        CourseHasChanged: Kind.STALE,
        OrderHasChanged: Kind.STALE,
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
    redis = providers.Singleton(
        connect_redis, settings.provided.redis_url, pool=settings.provided.connections
    )
    producer = providers.Singleton(Producer, settings.provided.kafka_bootstrap)

    # What the use cases need.
    transactions: providers.Provider[Transactions] = providers.Singleton(
        SqlTransactions, engine, unit_of_work
    )
    promotions: providers.Provider[Promotions] = providers.Singleton(
        RemotePromotions,
        providers.Singleton(
            promotion.client,
            providers.Singleton(service_channel, settings, SOURCE, settings.provided.promotion_target),
        ),
    )
    payments: providers.Provider[Payments] = providers.Singleton(
        HttpPayments,
        settings.provided.payment_url,
        settings.provided.payment_secrets,
        notify_url=settings.provided.notify_url,
        connections=settings.provided.connections,
    )
    clock: providers.Provider[Clock] = providers.Singleton(SystemClock)
    worker_number = providers.Singleton(WorkerLease, engine)
    ids: providers.Provider[Ids] = providers.Singleton(Snowflakes, worker_number)

    # The use cases, as the contract calls them.
    service = providers.Singleton(
        port.TradeService,
        create_course=providers.Singleton(CreateCourse, transactions=transactions, clock=clock, ids=ids),
        get_course=providers.Singleton(GetCourse, transactions=transactions),
        list_courses=providers.Singleton(ListCourses, transactions=transactions),
        change_course=providers.Singleton(ChangeCourse, transactions=transactions),
        place_order=providers.Singleton(
            PlaceOrder,
            saga=providers.Singleton(
                PlaceOrderSaga,
                transactions=transactions,
                promotions=promotions,
                clock=clock,
                ids=ids,
                payment_time=settings.provided.payment_time,
                grace=settings.provided.grace,
            ),
            transactions=transactions,
        ),
        get_order=providers.Singleton(GetOrder, transactions=transactions),
        list_orders=providers.Singleton(ListOrders, transactions=transactions),
        start_payment=providers.Singleton(
            StartPayment, transactions=transactions, payments=payments, clock=clock
        ),
        receive_payment_notice=providers.Singleton(
            ReceivePaymentNotice, transactions=transactions, payments=payments, clock=clock, ids=ids
        ),
        cancel_order=providers.Singleton(CancelOrder, transactions=transactions, clock=clock),
        finish_order=providers.Singleton(FinishOrder, transactions=transactions, clock=clock),
        refund_order=providers.Singleton(RefundOrder, transactions=transactions, clock=clock, ids=ids),
        get_order_state=providers.Singleton(GetOrderState, transactions=transactions),
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
    # Without Redis limits count in the process; without promotion and the payment provider orders are read, cancelled
    # and closed. So readiness asks for none of them.
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
        ),
    )
    rest_door = providers.Singleton(RestServer, settings, rest_app)
    rpc_service = providers.Singleton(grpc.service, service)
    grpc_door = providers.Singleton(
        GrpcServer, settings, providers.List(rpc_service), errors=ERRORS, verify=verifier, health=health
    )

    # The worker: events out of the outbox, and what happens by itself.
    relay = providers.Singleton(outbox_relay, settings, engine, producer, outbox=OUTBOX, inbox=INBOX)
    closer = providers.Singleton(
        Periodic,
        "close overdue orders",
        providers.Singleton(CloseOverdueOrders, transactions=transactions, clock=clock),
        settings.provided.closing_seconds,
    )
    forgetter = providers.Singleton(
        Periodic,
        "forget idempotency keys",
        providers.Singleton(ForgetKeys, transactions=transactions, after=settings.provided.key_life),
        3600.0,
    )
    refunder = providers.Singleton(
        Periodic,
        "send refunds",
        providers.Singleton(SendRefunds, transactions=transactions, payments=payments, clock=clock),
        settings.provided.closing_seconds,
    )

    # What runs in each role, and the process that `python -m aether_trade ROLE...` is.
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
                closer=closer.provider,
                forgetter=forgetter.provider,
                refunder=refunder.provider,
            ),
        ),
    )
