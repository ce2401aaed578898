"""The jobs that the partners send: payments, documents and webhooks, as data."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from deploy.demo.cast import EVENTS, PAPERS, SHOP, TRIAL, Part, stored_reference
from deploy.demo.planted import Planted


@dataclass(frozen=True, slots=True)
class Job:
    """One job and how it has to end."""

    sender: Part
    task: str
    queue: Literal["fast", "slow"]
    args: dict[str, Any] = field(repr=False)
    ends: Literal["succeeded", "failed"] = "succeeded"


CARD: Final = Planted("card token")


def _capture(invoice: str, amount: int, currency: str, token: Planted = CARD) -> dict[str, Any]:
    return {"invoice": invoice, "amount": amount, "currency": currency, "card_token": token}


def _refund(invoice: str, amount: int, reason: str) -> dict[str, Any]:
    return {"invoice": invoice, "amount": amount, "card_token": CARD, "reason": reason}


def _event(event: str, body: dict[str, Any], secret: Any = None) -> dict[str, Any]:
    return {
        "url": "https://hooks.partner.example/v2/orders",
        "event": event,
        "body": body,
        "signing_secret": Planted("webhook secret") if secret is None else secret,
    }


def _archived(document: str, text: Any) -> dict[str, Any]:
    return {"document": document, "text": text, "storage_key": Planted("storage key")}


_ORDER: Final = {
    "id": "A-10077",
    "total": {"amount": 18_490, "currency": "EUR"},
    "lines": [{"sku": "LAMP-3", "quantity": 2}, {"sku": "CABLE-1M", "quantity": 5}],
    "ship_to": {"name": "Zoë Müller", "city": "Zürich", "postcode": "8004"},
}
_LETTER: Final = "Dear $name,\nyour stay from $from to $to is confirmed.\nPage $page"
_GUEST: Final = {"name": "Ada Byron", "from": "2026-12-01", "to": "2026-12-04"}

PAYMENTS: Final = (
    Job(SHOP, "payments.capture", "fast", _capture("INV-2026-0001", 1_200, "CHF")),
    Job(SHOP, "payments.capture", "fast", _capture("INV-2026-0002", 18_490, "EUR")),
    Job(SHOP, "payments.capture", "fast", _capture("INV-2026-0003", 99, "GBP")),
    Job(SHOP, "payments.capture", "fast", _capture("INV-2026-0004", 250_000, "USD")),
    Job(SHOP, "payments.capture", "fast", _capture("INV-2026-0005", 5_400, "CHF")),
    Job(SHOP, "payments.capture", "fast", _capture("INV-2026-0006", 7_777, "EUR")),
    # The task raises on a token that cannot be printed: what becomes of a secret in an error?
    Job(
        SHOP,
        "payments.capture",
        "fast",
        _capture("INV-2026-0007", 640, "EUR", Planted("card token", "{}\u0007")),
        ends="failed",
    ),
    Job(SHOP, "payments.refund", "fast", _refund("INV-2026-0001", 1_200, "requested")),
    Job(SHOP, "payments.refund", "fast", _refund("INV-2026-0003", 99, "duplicate")),
    Job(SHOP, "payments.refund", "fast", _refund("INV-2026-0004", 125_000, "fraud")),
    Job(TRIAL, "payments.refund", "fast", _refund("T-1", 1, "requested")),
)

WEBHOOKS: Final = (
    Job(SHOP, "webhooks.deliver", "fast", _event("order.paid", _ORDER)),
    Job(
        SHOP,
        "webhooks.deliver",
        "fast",
        _event("order.shipped", {"order": "A-10077", "carrier": {"api_key": Planted("api key")}}),
    ),
    Job(
        EVENTS,
        "webhooks.deliver",
        "fast",
        _event("device.alarm", {"device": "th-4411", "celsius": 81.5, "since": "09:41:07Z"}),
    ),
    Job(
        EVENTS,
        "webhooks.deliver",
        "fast",
        _event(
            "device.claimed",
            {"headers": {"authorization": Planted("api key", "Bearer {}")}, "device": "th-4411"},
        ),
    ),
    Job(
        EVENTS,
        "webhooks.deliver",
        "fast",
        _event("user.created", {"users": [{"id": 7, "password": Planted("password")}]}),
    ),
    Job(
        EVENTS,
        "webhooks.deliver",
        "fast",
        _event("device.online", {"device": "th-4412"}, stored_reference(EVENTS)),
    ),
)

DOCUMENTS: Final = (
    Job(PAPERS, "documents.render", "slow", {"template": _LETTER, "fields": _GUEST, "pages": 3}),
    Job(
        PAPERS,
        "documents.render",
        "slow",
        {
            "template": "Welcome, $name.\nWireless: $wifi_password",
            "fields": {"name": "Grace Hopper", "wifi_password": Planted("password")},
        },
    ),
    Job(
        PAPERS,
        "documents.render",
        "slow",
        {"template": "Invoice $number: $total", "fields": {"number": "77", "total": "CHF 12.00"}},
    ),
    Job(PAPERS, "documents.archive", "slow", _archived("lease-8004", "Lease of a flat. " * 40)),
    Job(PAPERS, "documents.archive", "slow", _archived("minutes-2026-11", "Present: all.")),
    Job(PAPERS, "documents.archive", "slow", _archived("dunning-3", "Dritte Mahnung, 3. März")),
    Job(
        PAPERS,
        "documents.archive",
        "slow",
        _archived(
            "runbook-db", Planted("password", "postgres://orders:{}@db.partner.example/orders")
        ),
    ),
)

JOBS: Final = (*PAYMENTS, *WEBHOOKS, *DOCUMENTS)
