"""The sample tasks do what they say, without a server and without the network."""

import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from examples.tasks import demo, documents, payments, webhooks
from workers import JobContext, Secret
from workers.context import entered
from workers.errors import ArgumentsInvalid
from workers.job import REGISTRY

CARD: dict[str, Any] = {
    "invoice": "A-1001",
    "amount": 1999,
    "currency": "EUR",
    "card_token": "tok_4242",
}


def context(attempt: int = 1) -> JobContext:
    return JobContext(
        id="0193a1b2-0000-7000-8000-000000000001",
        attempt=attempt,
        max_attempts=5,
        producer="acme",
        task="payments.capture",
        queue="fast",
        expires_at=datetime(2026, 11, 22, tzinfo=UTC),
        trace=None,
    )


@pytest.fixture
def running() -> Iterator[JobContext]:
    with entered(context()) as job:
        yield job


def run(task: str, **args: Any) -> Any:
    definition = REGISTRY[task]
    return definition.function(**definition.bind(args))


SAMPLES = {
    name: definition.spec
    for name, definition in REGISTRY.items()
    if definition.function.__module__.startswith("examples.tasks.")
}


def test_the_sample_tasks_are_spread_over_two_queues() -> None:
    assert {name: spec.queue for name, spec in SAMPLES.items()} == {
        "payments.capture": "fast",
        "payments.refund": "fast",
        "documents.render": "slow",
        "documents.archive": "slow",
        "webhooks.deliver": "fast",
        "demo.echo": "fast",
        "demo.noop": "fast",
        "demo.fail": "fast",
        "demo.flaky": "fast",
        "demo.hang": "slow",
    }


def test_every_sample_task_has_a_description() -> None:
    assert all(spec.description for spec in SAMPLES.values())


def test_a_capture_gives_the_jobs_id_as_its_idempotency_key(running: JobContext) -> None:
    assert run("payments.capture", **CARD) == {
        "invoice": "A-1001",
        "captured": 1999,
        "currency": "EUR",
        "idempotency_key": running.id,
    }


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"amount": 0}, "/amount"),
        ({"amount": "1999"}, "/amount"),
        ({"currency": "XXX"}, "/currency"),
        ({"invoice": "a b"}, "/invoice"),
        ({"card_token": "short"}, "/card_token"),
    ],
)
def test_a_capture_of_wrong_arguments_is_refused(change: dict[str, Any], place: str) -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        run("payments.capture", **CARD | change)
    assert [item.pointer for item in caught.value.problems] == [place]


def test_an_unprintable_card_token_fails_without_being_shown() -> None:
    with pytest.raises(ValueError, match=r"^the card token is not printable$"):
        payments.refund("A-1", 1, Secret("tok\n4242"))


def test_a_refund_has_a_reason() -> None:
    assert payments.refund("A-1", 1, Secret("tok_4242")) == {
        "invoice": "A-1",
        "refunded": 1,
        "reason": "requested",
    }


def test_a_document_is_rendered_page_by_page() -> None:
    rendered = run("documents.render", template="$name, $page $", fields={"name": "Ada"}, pages=2)
    assert rendered["pages"] == ["Ada, 1 $", "Ada, 2 $"]
    assert rendered["sha256"] == hashlib.sha256(b"Ada, 1 $\fAda, 2 $").hexdigest()


def test_an_archived_document_is_sealed_with_the_storages_key() -> None:
    archived = documents.archive("d-1", "täxt", Secret("key"))
    seal = hmac.new(b"key", "täxt".encode(), hashlib.sha256).hexdigest()
    assert archived == {"document": "d-1", "bytes": 5, "seal": seal}


def test_a_webhooks_signature_is_one_that_its_receiver_can_check(running: JobContext) -> None:
    delivery = webhooks.deliver(
        "https://example.com/hook", "invoice.paid", {"b": 1, "a": [True]}, Secret("key")
    )
    signed = f'{running.id}.{{"a":[true],"b":1}}'.encode()
    signature = hmac.new(b"key", signed, hashlib.sha256).hexdigest()
    assert delivery["headers"]["webhook-signature"] == f"v1={signature}"
    assert delivery["headers"]["webhook-id"] == running.id
    assert delivery["bytes"] == 18


def test_the_demo_tasks_echo_do_nothing_and_fail() -> None:
    assert run("demo.echo", value={"a": [1]}) == {"a": [1]}
    assert run("demo.noop") is None
    with pytest.raises(RuntimeError, match="as told"):
        demo.fail("as told")


def test_a_flaky_task_succeeds_at_the_attempt_it_was_told() -> None:
    for attempt in (1, 2):
        with entered(context(attempt)), pytest.raises(ConnectionError):
            demo.flaky(3)
    with entered(context(3)):
        assert demo.flaky(3) == 3


def test_a_hanging_task_sleeps_until_something_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise InterruptedError

    monkeypatch.setattr(time, "sleep", nap)
    with pytest.raises(InterruptedError):
        demo.hang()
    assert len(naps) == 3
