"""A payment provider for development and tests: `python -m aether_trade.adapters.simulated_provider --port 8099`.

It implements the API described in `adapters/payment.py`, keeps its books in memory, and misbehaves on request:

    POST /payments            open the payment of an order, or return the existing one (signed)
    GET  /payments/{id}/pay   a page with the amount and a button, for a buyer with a browser
    POST /payments/{id}/pay   the buyer pays; optional members of the body decide how the shop is notified:
                              {"delaySeconds": 2, "times": 2, "outOfOrder": true, "forged": true, "amountCents": "1"}
    POST /refunds             send money back, once for each refundId (signed)
    GET  /books               every payment with its notices, and every refund

Like real providers, it retries a notice for a while until the shop answers 2xx; a forged one is sent once.
"""

import json
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
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from aether_trade.adapters.payment import SIGNATURE, SUCCEEDED

DEVELOPMENT_SECRET: Final = "for development only"  # noqa: S105 - not a secret
OPENED: Final = "payment.opened"
_GIVE_UP_AFTER_SECONDS: Final = 120.0
_FIRST_RETRY_SECONDS: Final = 0.1
_LONGEST_RETRY_SECONDS: Final = 5.0
_PAGE: Final = """<!doctype html>
<title>Simulated payment</title>
<form method="post"><p>Order {order}: {amount}</p><button>Pay</button></form>
"""
_PAY: Final = re.compile(r"/payments/([^/]+)/pay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """How to notify the shop of a payment. `amount_cents` is the amount in the notice; None for the real one."""

    delay_seconds: float = 0.0
    times: int = 1
    out_of_order: bool = False
    forged: bool = False
    amount_cents: int | None = None


@dataclass(slots=True, kw_only=True)
class Payment:
    """`answers` are the kinds of the notices sent and the shop's HTTP status for each; 0 if it did not answer."""

    payment_id: str
    order_id: int
    amount_cents: int
    notify_url: str
    paid: bool = False
    refunded_cents: int = 0
    answers: list[tuple[str, int]] = field(default_factory=list)


class Refused(Exception):
    """The provider rejects a request with this HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Provider:
    """Keeps the payments and refunds, and sends the notices."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._payments: dict[str, Payment] = {}
        self._refunds: dict[int, tuple[str, int]] = {}
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._senders = ThreadPoolExecutor(8, thread_name_prefix="notices")
        self._client = httpx.Client(timeout=5.0, trust_env=False)

    def open(self, order_id: int, amount_cents: int, notify_url: str) -> Payment:
        """Open the payment of an order, or return the existing one."""
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
        """Return the payment with this id. Raises `Refused` if there is none."""
        with self._guard:
            payment = self._payments.get(payment_id)
        if payment is None:
            raise Refused(404, f"payment {payment_id} does not exist")
        return payment

    def pay(self, payment_id: str, notification: Notification) -> None:
        """Mark the payment as paid, and notify the shop as requested."""
        payment = self.payment(payment_id)
        with self._guard:
            payment.paid = True
        if notification.forged:
            self._senders.submit(self._forge, payment)
        kinds = [SUCCEEDED, OPENED] if notification.out_of_order else [OPENED, SUCCEEDED]
        claimed = payment.amount_cents if notification.amount_cents is None else notification.amount_cents
        timer = threading.Timer(
            notification.delay_seconds,
            self._senders.submit,
            (self._notify, payment, kinds * notification.times, claimed),
        )
        timer.daemon = True
        timer.start()

    def refund(self, refund_id: int, payment_id: str, amount_cents: int) -> None:
        """Send money back, once for each id and never more than was paid."""
        with self._guard:
            if refund_id in self._refunds:
                return
            payment = self._payments.get(payment_id)
            if payment is None or not payment.paid:
                raise Refused(404, f"payment {payment_id} is not paid")
            if payment.refunded_cents + amount_cents > payment.amount_cents:
                raise Refused(409, f"only {payment.amount_cents} cents were paid by {payment_id}")
            payment.refunded_cents += amount_cents
            self._refunds[refund_id] = (payment_id, amount_cents)

    def books(self) -> dict[str, object]:
        """Return every payment with the shop's answers to its notices, and every refund."""
        with self._guard:
            refunds = [
                {"refund_id": number, "payment_id": payment_id, "amount_cents": cents}
                for number, (payment_id, cents) in self._refunds.items()
            ]
            return {"payments": [asdict(payment) for payment in self._payments.values()], "refunds": refunds}

    def stop(self) -> None:
        """Stop sending notices."""
        self._stop.set()
        self._senders.shutdown(cancel_futures=True)
        self._client.close()

    def _notify(self, payment: Payment, kinds: Sequence[str], amount_cents: int) -> None:
        for kind in kinds:
            self._deliver(payment, kind, amount_cents)

    def _deliver(self, payment: Payment, kind: str, amount_cents: int) -> None:
        body = _notice(payment, kind, amount_cents)
        give_up, pause = time.monotonic() + _GIVE_UP_AFTER_SECONDS, _FIRST_RETRY_SECONDS
        while not self._stop.is_set():
            status = self._send(payment, kind, body, self._secret)
            retryable = status == 0 or status in (404, 409, 412, 429) or status >= 500
            if not retryable or time.monotonic() > give_up:
                return
            self._stop.wait(pause)
            pause = min(2 * pause, _LONGEST_RETRY_SECONDS)

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
    """HTTP server of the provider, on loopback; port 0 takes a free port."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, provider: Provider, secret: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.provider = provider
        self.is_signed = SignatureCheck([secret])

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
            self._answer(404, {"reason": "GET /books or /payments/{id}/pay"})

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
        provider, document = self.server.provider, json.loads(body or b"{}")
        paying = _PAY.fullmatch(self.path)
        if paying:
            provider.pay(paying[1], _notification(document))
            return 202, {"paymentId": paying[1]}
        if not self.server.is_signed(body, self.headers.get(SIGNATURE, "")):
            raise Refused(403, "this is not signed by the shop")
        if self.path == "/payments":
            payment = provider.open(
                int(document["orderId"]), int(document["amountCents"]), document["notifyUrl"]
            )
            url = f"{self.server.url}/payments/{payment.payment_id}/pay"
            return 200, {"paymentId": payment.payment_id, "payUrl": url}
        if self.path == "/refunds":
            provider.refund(int(document["refundId"]), document["paymentId"], int(document["amountCents"]))
            return 200, {"refundId": document["refundId"]}
        raise Refused(404, "POST to /payments or /refunds")

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
        """Log nothing: `GET /books` shows what happened."""


def _notification(document: dict[str, Any]) -> Notification:
    amount = document.get("amountCents")
    return Notification(
        delay_seconds=float(document.get("delaySeconds", 0)),
        times=int(document.get("times", 1)),
        out_of_order=bool(document.get("outOfOrder", False)),
        forged=bool(document.get("forged", False)),
        amount_cents=None if amount is None else int(amount),
    )


class ProviderSettings(BaseSettings):
    """What the provider shares with trade, read from the same variable."""

    model_config = SettingsConfigDict(env_prefix="TRADE_", env_ignore_empty=True, extra="ignore")

    payment_secrets: tuple[str, ...] = Field(
        default=(DEVELOPMENT_SECRET,), min_length=1, repr=False, description="The first one signs."
    )


def main() -> None:
    parser = ArgumentParser(prog="python -m aether_trade.adapters.simulated_provider", description=__doc__)
    parser.add_argument("--port", type=int, default=8099, help="0 takes a free port")
    arguments = parser.parse_args()
    secret = ProviderSettings().payment_secrets[0]
    server = ProviderServer(Provider(secret), secret, arguments.port)
    print(f"simulated payment provider at {server.url}", flush=True)  # noqa: T201 - output of a command
    server.serve_forever()


if __name__ == "__main__":
    main()
