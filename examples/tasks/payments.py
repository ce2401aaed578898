"""Payments: short jobs, a secret each, and an effect that must not happen twice."""

from typing import Annotated, Literal, TypeAlias, TypedDict

from pydantic import Field

from workers import Secret, current_job, job

Currency: TypeAlias = Literal["CHF", "EUR", "GBP", "USD"]
Invoice: TypeAlias = Annotated[str, Field(pattern=r"^[A-Z0-9-]{1,32}$")]
MinorUnits: TypeAlias = Annotated[int, Field(gt=0, le=100_000_000)]
CardToken: TypeAlias = Secret[Annotated[str, Field(min_length=8, max_length=256)]]


class Capture(TypedDict):
    """What a capture gives back."""

    invoice: str
    captured: int
    currency: Currency
    idempotency_key: str


class Refund(TypedDict):
    """What a refund gives back."""

    invoice: str
    refunded: int
    reason: str


@job(
    "payments.capture",
    queue="fast",
    max_attempts=5,
    retry_on=(ConnectionError,),
    on_lost="hold",
    soft_time_limit=20,
    time_limit=30,
)
def capture(
    invoice: Invoice, amount: MinorUnits, currency: Currency, card_token: CardToken
) -> Capture:
    """Capture an authorised card payment.

    A worker that dies in the middle may have charged the card, so a person looks first
    (`on_lost="hold"`); the job's id is the key by which the card processor knows a second call.
    """
    _processor_call(card_token.reveal())
    return {
        "invoice": invoice,
        "captured": amount,
        "currency": currency,
        "idempotency_key": current_job().id,
    }


@job("payments.refund", queue="fast", retry_on=(ConnectionError,), undeclared_secrets="refuse")
def refund(
    invoice: Invoice,
    amount: MinorUnits,
    card_token: CardToken,
    reason: Literal["duplicate", "fraud", "requested"] = "requested",
) -> Refund:
    """Give a captured amount back."""
    _processor_call(card_token.reveal())
    return {"invoice": invoice, "refunded": amount, "reason": reason}


def _processor_call(card_token: str) -> None:
    """Stand in for the call to the card processor, which is the only one to get the token."""
    if not card_token.isprintable():
        raise ValueError("the card token is not printable")
