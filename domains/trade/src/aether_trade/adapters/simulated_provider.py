"""A payment provider for development and proofs: `python -m aether_trade.adapters.simulated_provider --port 8099`.

It speaks what `adapters/payment.py` speaks, keeps its books in memory, and misbehaves on request:

    POST /payments            opens the payment of an order, or finds it (signed)
    GET  /payments/{id}/pay   a page with the amount and a button, for a buyer with a browser
    POST /payments/{id}/pay   the buyer pays; the body says how the shop is told, all of it optional:
                              {"delaySeconds": 2, "times": 2, "outOfOrder": true, "forged": true, "amountCents": "1"}
    POST /refunds             sends money back, once for each refundId (signed)
    GET  /books               every payment with what was told, and every refund

A notice that the shop does not answer with 2xx is sent again for a while, as real providers do; a forged one is not.
"""

import json
import os
import re
import threading
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx
from aether_adapters.auth.webhook_signatures import SignatureCheck, sign

from aether_trade.adapters.payment import SIGNATURE, SUCCEEDED

DEVELOPMENT_SECRET: Final = "for development only"  # noqa: S105 - everybody may know it
OPENED: Final = "payment.opened"
_GIVE_UP_SECONDS: Final = 120.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_PAGE: Final = """<!doctype html>
<title>Simulated payment</title>
<form method="post"><p>Order {order}: {amount}</p><button>Pay</button></form>
"""
_PAY: Final = re.compile(r"/payments/([^/]+)/pay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How the shop is told of a payment. `amount_cents` is what the notice claims; None for the truth."""

    delay_seconds: float = 0.0
    times: int = 1
    out_of_order: bool = False
    forged: bool = False
    amount_cents: int | None = None


@dataclass(slots=True, kw_only=True)
class Payment:
    """`answers` are the statuses that the shop answered notices with; 0 stands for none."""

    payment_id: str
    order_id: int
    amount_cents: int
    notify_url: str
    paid: bool = False
    refunded_cents: int = 0
    answers: list[tuple[str, int]] = field(default_factory=list)


class Refused(Exception):
    """A request that the provider does not follow, with its HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Provider:
    """The books, and the notices on their way."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._payments: dict[str, Payment] = {}
        self._refunds: dict[int, tuple[str, int]] = {}
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._senders = ThreadPoolExecutor(8, thread_name_prefix="notices")
        self._client = httpx.Client(timeout=5.0, trust_env=False)

    def open(self, order_id: int, amount_cents: int, notify_url: str) -> Payment:
        """The payment of an order; the same one however often it is asked for."""
        with self._guard:
            payment = Payment(
                payment_id=f"pay_{order_id}",
                order_id=order_id,
                amount_cents=amount_cents,
                notify_url=notify_url,
            )
            payment = self._payments.setdefault(payment.payment_id, payment)
            if payment.amount_cents != amount_cents:
                raise Refused(409, f"order {order_id} was opened with {payment.amount_cents} cents")
            return payment

    def payment(self, payment_id: str) -> Payment:
        """The payment of that id."""
        with self._guard:
            payment = self._payments.get(payment_id)
        if payment is None:
            raise Refused(404, f"there is no payment {payment_id}")
        return payment

    def pay(self, payment_id: str, wish: Wish) -> None:
        """The buyer pays, and the shop is told as wished."""
        payment = self.payment(payment_id)
        with self._guard:
            payment.paid = True
        if wish.forged:
            self._senders.submit(self._forge, payment)
        kinds = [SUCCEEDED, OPENED] if wish.out_of_order else [OPENED, SUCCEEDED]
        claimed = payment.amount_cents if wish.amount_cents is None else wish.amount_cents
        timer = threading.Timer(
            wish.delay_seconds, self._senders.submit, (self._tell, payment, kinds * wish.times, claimed)
        )
        timer.daemon = True
        timer.start()

    def refund(self, refund_id: int, payment_id: str, amount_cents: int) -> None:
        """Send money back, once for each id and never more than came in."""
        with self._guard:
            if refund_id in self._refunds:
                return
            payment = self._payments.get(payment_id)
            if payment is None or not payment.paid:
                raise Refused(404, f"nothing was paid by {payment_id}")
            if payment.refunded_cents + amount_cents > payment.amount_cents:
                raise Refused(409, f"only {payment.amount_cents} cents were paid by {payment_id}")
            payment.refunded_cents += amount_cents
            self._refunds[refund_id] = (payment_id, amount_cents)

    def books(self) -> dict[str, object]:
        """What came in, what went out, and what the shop answered."""
        with self._guard:
            refunds = [
                {"refund_id": number, "payment_id": payment_id, "amount_cents": cents}
                for number, (payment_id, cents) in self._refunds.items()
            ]
            return {"payments": [asdict(payment) for payment in self._payments.values()], "refunds": refunds}

    def stop(self) -> None:
        """Tell nobody anything any more."""
        self._stop.set()
        self._senders.shutdown(cancel_futures=True)
        self._client.close()

    def _tell(self, payment: Payment, kinds: Sequence[str], amount_cents: int) -> None:
        for kind in kinds:
            self._deliver(payment, kind, amount_cents)

    def _deliver(self, payment: Payment, kind: str, amount_cents: int) -> None:
        body = _notice(payment, kind, amount_cents)
        give_up, pause = time.monotonic() + _GIVE_UP_SECONDS, _FIRST_PAUSE
        while not self._stop.is_set():
            status = self._send(payment, kind, body, self._secret)
            again = status == 0 or status in (404, 409, 412, 429) or status >= 500
            if not again or time.monotonic() > give_up:
                return
            self._stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _forge(self, payment: Payment) -> None:
        self._send(payment, "forged", _notice(payment, SUCCEEDED, payment.amount_cents), "not the secret")

    def _send(self, payment: Payment, kind: str, body: bytes, secret: str) -> int:
        headers = {SIGNATURE: sign(secret, body), "content-type": "application/json"}
        try:
            status = self._client.post(payment.notify_url, content=body, headers=headers).status_code
        except httpx.HTTPError:
            status = 0
        with self._guard:
            payment.answers.append((kind, status))
        return status


def _notice(payment: Payment, kind: str, amount_cents: int) -> bytes:
    document = {
        "type": kind,
        "paymentId": payment.payment_id,
        "orderId": str(payment.order_id),
        "amountCents": str(amount_cents),
    }
    return json.dumps(document).encode()


class ProviderServer(ThreadingHTTPServer):
    """The provider behind HTTP, on loopback; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, provider: Provider, secret: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.provider = provider
        self.signed = SignatureCheck([secret])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ProviderServer

    def do_GET(self) -> None:
        paying = _PAY.fullmatch(self.path)
        if self.path == "/books":
            self._answer(200, self.server.provider.books())
        elif paying:
            self._show(paying[1])
        else:
            self._answer(404, {"reason": "there are only books and payments to read"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            status, document = self._do(body)
        except Refused as refused:
            status, document = refused.status, {"reason": str(refused)}
        except (ValueError, KeyError, TypeError) as error:
            status, document = 400, {"reason": repr(error)}
        self._answer(status, document)

    def _do(self, body: bytes) -> tuple[int, dict[str, object]]:
        provider, sent = self.server.provider, json.loads(body or b"{}")
        paying = _PAY.fullmatch(self.path)
        if paying:
            provider.pay(paying[1], _wish(sent))
            return 202, {"paymentId": paying[1]}
        if not self.server.signed(body, self.headers.get(SIGNATURE, "")):
            raise Refused(403, "this is not signed by the shop")
        if self.path == "/payments":
            payment = provider.open(int(sent["orderId"]), int(sent["amountCents"]), sent["notifyUrl"])
            url = f"{self.server.url}/payments/{payment.payment_id}/pay"
            return 200, {"paymentId": payment.payment_id, "payUrl": url}
        if self.path == "/refunds":
            provider.refund(int(sent["refundId"]), sent["paymentId"], int(sent["amountCents"]))
            return 200, {"refundId": sent["refundId"]}
        raise Refused(404, "there are only payments and refunds")

    def _show(self, payment_id: str) -> None:
        try:
            payment = self.server.provider.payment(payment_id)
        except Refused as refused:
            self._answer(refused.status, {"reason": str(refused)})
        else:
            page = _PAGE.format(order=payment.order_id, amount=f"{payment.amount_cents / 100:.2f}")
            self._send(200, "text/html; charset=utf-8", page.encode())

    def _answer(self, status: int, document: dict[str, object]) -> None:
        self._send(status, "application/json", json.dumps(document).encode())

    def _send(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
        """Nothing: what happened is in the books."""


def _wish(sent: dict[str, Any]) -> Wish:
    amount = sent.get("amountCents")
    return Wish(
        delay_seconds=float(sent.get("delaySeconds", 0)),
        times=int(sent.get("times", 1)),
        out_of_order=bool(sent.get("outOfOrder", False)),
        forged=bool(sent.get("forged", False)),
        amount_cents=None if amount is None else int(amount),
    )


def main() -> None:
    parser = ArgumentParser(prog="python -m aether_trade.adapters.simulated_provider", description=__doc__)
    parser.add_argument("--port", type=int, default=8099, help="0 takes a free one")
    arguments = parser.parse_args()
    # As the shop beside it is told: the first one signs.
    secret = json.loads(os.environ.get("TRADE_PAYMENT_SECRETS") or f'["{DEVELOPMENT_SECRET}"]')[0]
    server = ProviderServer(Provider(secret), secret, arguments.port)
    print(f"simulated payment provider at {server.url}", flush=True)  # noqa: T201 - a command talks to people
    server.serve_forever()


if __name__ == "__main__":
    main()
