"""One call on the gRPC server, from its head to its end.

grpcio gives a call to its executor at the head, and the thread that takes it waits for the message: calls without one
would occupy every thread, for as long as their clients like. Here a call waits for its message without a thread, and
is refused without one. grpcio's public API offers neither, so this module, and no other, uses the functions of
`grpc._server` that its own handlers are made of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import grpc
from grpc import _server
from grpc._cython import cygrpc  # type: ignore[attr-defined] # compiled, without stubs

from aether_adapters.grpc.metadata import Head
from aether_adapters.grpc.refusal import Refusal
from aether_adapters.kernel.criticality import Criticality
from aether_adapters.kernel.identity import ANONYMOUS, Client, Identity

_RECEIVE: Final = _server._RECEIVE_MESSAGE_TOKEN
_SEND: Final = _server._SEND_MESSAGE_TOKEN
_NO_MESSAGE: Final = Refusal(grpc.StatusCode.UNIMPLEMENTED, "This method needs exactly one message.")


class Lane(Protocol):
    """Takes the calls of one kind. gRPC's only event thread runs both methods, so they must not block."""

    def begin(self, call: RpcCall, /) -> None:
        """Decide what becomes of a call whose head has arrived."""
        ...

    def arrived(self, call: RpcCall, /) -> None:
        """Take over a call whose message has arrived as `call.message`."""
        ...


class RpcCall:
    """A call that grpcio has handed over; `refuse`, `run` or `leave` ends it.

    `since` is when its head arrived and `arrived_at` when its message did, on `time.monotonic()`. Only the owner of a
    call may end it: the lane that it waits in, the thread that verifies its token, or the thread that runs it.
    """

    __slots__ = (
        "_arguments",
        "_enter",
        "_event",
        "_holds",
        "_left",
        "_next",
        "_release",
        "_sending",
        "_state",
        "address",
        "arrived_at",
        "behaviour",
        "client",
        "criticality",
        "head",
        "identity",
        "message",
        "since",
        "vouched",
    )

    def __init__(self, enter: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        """Take what grpcio submits to its executor: `state.context.run`, and the arguments of `_unary_response_in_pool`."""
        self._enter = enter
        self._arguments = arguments
        _, self._event, self._state, self.behaviour, *_ = arguments
        self.since = self.arrived_at = time.monotonic()
        self._sending = False
        self._next: bytes | None = None
        self.message: bytes | None = None
        self.head: Head | None = None
        self.identity: Identity = ANONYMOUS
        self.vouched = False
        self.criticality = Criticality.CRITICAL
        self.address = ""
        self.client: Client | None = None
        self._left = False
        self._holds = 0
        self._release: Callable[[], object] | None = None

    @property
    def metadata(self) -> Any:
        """The metadata that the client sent, as pairs."""
        return self._event.invocation_metadata

    @property
    def over(self) -> bool:
        """Whether the client has gone or a status was sent."""
        return self._state.client is _server._CANCELLED or self._state.statused

    def peer(self) -> str:
        """Return the address of the other end of the connection: `ipv4:127.0.0.1:5000`, `ipv6:%5B::1%5D:5000`, `unix:`."""
        found: Any = self._event.call.peer()
        return found.decode() if isinstance(found, bytes) else str(found)

    def receive(self, lane: Lane) -> None:
        """Wait for the message without a thread, then pass this call to `lane.arrived`."""
        state = self._state
        with state.condition:
            if self.over:
                gone = True
            else:
                gone = False
                received = _server._receive_message(state, self._event.call, None)

                def arrived(event: Any) -> Any:
                    finished = received(event)
                    lane.arrived(self)
                    return finished

                self._event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), arrived)
                state.due.add(_RECEIVE)
        if gone:
            lane.arrived(self)

    def take_message(self) -> bool:
        """Read the message that has arrived. Return False if the call ended without one."""
        state = self._state
        with state.condition:
            message, state.request = state.request, None
        if message is None:
            if not self.over:
                self.refuse(_NO_MESSAGE)
            return False
        self.message = message
        self.arrived_at = time.monotonic()
        return True

    def refuse(self, refusal: Refusal) -> None:
        """End the call with a status, without a thread; does nothing if it is over."""
        state = self._state
        with state.condition:
            if not self.over:
                state.code, state.details = refusal.code, refusal.detail.encode()
                state.trailing_metadata = refusal.trailers
                state.aborted = True
                _server._abort(state, self._event.call, cygrpc.StatusCode.unknown, b"")
        self.leave()

    def answer(self, data: bytes) -> None:
        """Send the response and end the call, without waiting for the client to read it."""
        _server._status(self._event, self._state, data)
        self.leave()

    def send(self, data: bytes) -> None:
        """Send a message of a stream without waiting for the client; of messages that wait for it, only the last is sent."""
        state = self._state
        with state.condition:
            if self.over:
                return
            if self._sending:
                self._next = data
                return
            self._sending = True
            operations = [cygrpc.SendMessageOperation(data, 0)]
            if state.initial_metadata_allowed:
                operations.insert(0, cygrpc.SendInitialMetadataOperation(None, 0))
                state.initial_metadata_allowed = False
            self._event.call.start_server_batch(tuple(operations), self._sent)
            state.due.add(_SEND)

    def _sent(self, _: Any) -> Any:
        state = self._state
        with state.condition:
            finished = _server._possibly_finish_call(state, _SEND)
            self._sending = False
            waiting, self._next = self._next, None
            if waiting is not None:
                self.send(waiting)
        return finished

    def when_over(self, callback: Callable[[], object]) -> bool:
        """Call `callback` once the client has gone or the status was sent; return False if the call is over already."""
        state = self._state
        with state.condition:
            if self.over or state.callbacks is None:
                return False
            state.callbacks.append(callback)
            return True

    def run(self) -> bool:
        """Run the handler in this thread, with this call as its request. Return False if the call is over already."""
        try:
            if self.over:
                return False
            work, event, state, behaviour, request, *codecs = self._arguments
            # A handler of a stream of requests gets grpcio's iterator.
            argument = request if self.message is None else lambda: self
            self._enter(work, event, state, behaviour, argument, *codecs)
            return True
        finally:
            self.leave()

    def hold(self, release: Callable[[], object]) -> None:
        """Call `release` once this side is done with the call and the client has its status, or has gone.

        A client that does not read its responses holds on to its calls, and one that cancels them does not get rid of
        those that still run.
        """
        self._release = release
        self._holds = 2
        if not self.when_over(self._let_go):
            self._let_go()

    def leave(self) -> None:
        """This side is done with the call; does nothing the second time."""
        if not self._left:
            self._left = True
            self._let_go()

    def _let_go(self) -> None:
        with self._state.condition:
            self._holds -= 1
            release = self._release if self._holds == 0 else None
        if release is not None:
            release()

    def add_done_callback(self, _: Callable[[Any], object]) -> None:
        """Part of `Future` that grpcio calls. It only counts calls for `maximum_concurrent_rpcs`, which is not used."""
