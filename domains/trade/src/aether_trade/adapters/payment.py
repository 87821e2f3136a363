"""Client of the payment provider, over HTTP. `simulated_provider` implements the same API:

    POST /payments  {orderId, amountCents, notifyUrl} -> {paymentId, payUrl}; one payment for each order
    POST /refunds   {refundId, paymentId, amountCents} -> 2xx once accepted; each refundId is paid once

Requests and notices carry a webhook signature (`aether_adapters.auth.webhook_signatures`) in `Payment-Signature`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import httpx
import orjson
import structlog
from aether_adapters.auth.webhook_signatures import SignatureCheck, sign
from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.neighbour import Neighbour

from aether_trade.application.ports import OpenPayment
from aether_trade.domain.errors import NoticeNotReadable, SignatureForged
from aether_trade.domain.notice import Notice
from aether_trade.domain.refund import Refund

_LOG = structlog.get_logger("aether_trade.payment")
_REQUEST_TIMEOUT_SECONDS: Final = 3.0
SIGNATURE: Final = "Payment-Signature"
SUCCEEDED: Final = "payment.succeeded"


class HttpPayments:
    """`secrets` are shared with the provider: the first signs our requests, any of them may sign its notices.

    The provider sends its notices to `notify_url`. `neighbour` bounds how many requests wait for it.
    """

    def __init__(
        self, url: str, secrets: Sequence[str], *, notify_url: str, connections: int, neighbour: Neighbour
    ) -> None:
        self._url = url.rstrip("/")
        self._secrets = tuple(secrets)
        self._notify_url = notify_url
        self._notices = SignedNotices(secrets)
        self._client = httpx.Client(limits=httpx.Limits(max_connections=connections), trust_env=False)
        self._neighbour = neighbour

    def open(self, order_id: int, cents: int, /) -> OpenPayment:
        document = {"orderId": str(order_id), "amountCents": str(cents), "notifyUrl": self._notify_url}
        try:
            answer = self._post("/payments", document).raise_for_status()
            opened = orjson.loads(answer.content)
            return OpenPayment(payment_id=_text(opened, "paymentId"), url=_text(opened, "payUrl"))
        except (httpx.HTTPError, ValueError) as error:
            _LOG.warning("payment not opened", order_id=order_id, error=repr(error))
            raise Unavailable(
                "The payment provider cannot be reached: try again.", retry_after=1.0
            ) from error

    def refund(self, refund: Refund, /) -> bool:
        document = {
            "refundId": str(refund.id),
            "paymentId": refund.payment_id,
            "amountCents": str(refund.cents),
        }
        try:
            self._post("/refunds", document).raise_for_status()
        except (httpx.HTTPError, Unavailable) as error:
            _LOG.warning("refund not sent", refund_id=refund.id, attempts=refund.attempts, error=repr(error))
            return False
        return True

    def read(self, payload: bytes, signature: str, /) -> Notice:
        return self._notices.read(payload, signature)

    def _post(self, path: str, document: Mapping[str, str]) -> httpx.Response:
        body = orjson.dumps(document)
        headers = {SIGNATURE: sign(self._secrets[0], body), "content-type": "application/json"}
        timeout = remaining(_REQUEST_TIMEOUT_SECONDS)
        with self._neighbour.guarded(httpx.TransportError):
            return self._client.post(f"{self._url}{path}", content=body, headers=headers, timeout=timeout)


class SignedNotices:
    """Verifies the provider's signature, then reads the notice."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._is_signed = SignatureCheck(secrets)

    def read(self, payload: bytes, signature: str, /) -> Notice:
        if not self._is_signed(payload, signature):
            raise SignatureForged
        try:
            document = orjson.loads(payload)
            return Notice(
                succeeded=_text(document, "type") == SUCCEEDED,
                payment_id=_text(document, "paymentId"),
                order_id=_number(document, "orderId"),
                amount_cents=_number(document, "amountCents"),
            )
        except ValueError as error:
            raise NoticeNotReadable(str(error)) from None


def _text(document: object, name: str) -> str:
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, str) or not 1 <= len(value) <= 100:
        raise ValueError(f"{name} must be a text of 1 to 100 characters")
    return value


def _number(document: object, name: str) -> int:
    text = _text(document, name)
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**63:
        raise ValueError(f"{name} must be a 64-bit number")
    return int(text)
