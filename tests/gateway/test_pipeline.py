"""The five steps together: in order, none skipped, and a refused job leaves nothing behind."""

import asyncio
import secrets
from dataclasses import replace
from typing import Any

import pytest

from backends.errors import LedgerRefused, LedgerUnavailable, VaultDenied, VaultUnavailable
from gateway.errors import Refused
from gateway.pipeline import Ingress
from gateway.types import Receipt
from signing.errors import CountersignError, SignatureInvalid
from signing.ids import is_job_id, uuid7
from signing.seals import verify_job
from tests.gateway.fakes import (
    KEYRING,
    NOW,
    STRIPE_KEY,
    FakeLedger,
    FakeSigner,
    FakeStore,
    answering,
    ingress,
    raw_request,
    registration,
)
from tests.signing.builders import OTHER_JOB_ID, private_key
from tests.signing.http_requests import SIGNER

SECRET = {"task": "payments.capture", "args": {"card": "4111 1111"}}
PLAIN = {"task": "demo.echo", "args": {"value": 1}}
JOB_ID = uuid7(NOW, bytes(10))
PATH = f"jobs/fast/payments.capture/{JOB_ID}"


def submit(pipeline: Ingress, body: object = SECRET) -> Receipt:
    return asyncio.run(pipeline.submit(raw_request(body)))


def test_a_job_passes_all_five_steps() -> None:
    store, ledger = FakeStore(), FakeLedger()
    receipt = submit(ingress(store=store, ledger=ledger))
    assert receipt == Receipt(JOB_ID, "payments.capture", ("/args/card",), repeated=False)
    assert store.written == {PATH: {"s0": "4111 1111"}}
    assert store.deleted == []
    assert [item.job_id for item in ledger.seen] == [JOB_ID]


def test_ids_are_random() -> None:
    assert Ingress.__dataclass_fields__["random"].default is secrets.token_bytes
    assert is_job_id(JOB_ID)


def test_step_1_alone_is_for_requests_that_submit_nothing() -> None:
    assert ingress().authenticate(raw_request(PLAIN)).producer.name == "shop"


def test_what_is_not_signed_reaches_neither_vault_nor_ledger() -> None:
    store, ledger = FakeStore(), FakeLedger()
    forged = raw_request(SECRET, signer=type(SIGNER)("shop-1", "ed25519", private_key(9)))
    with pytest.raises(SignatureInvalid):
        asyncio.run(ingress(store=store, ledger=ledger).submit(forged))
    assert (store.written, ledger.seen) == ({}, [])


def test_what_is_not_admitted_reaches_neither_vault_nor_ledger() -> None:
    store, ledger = FakeStore(), FakeLedger()
    with pytest.raises(Refused):
        submit(ingress(store=store, ledger=ledger), {"task": "admin.wipe"})
    assert (store.written, ledger.seen) == ({}, [])


def nested(depth: int, value: Any) -> dict[str, Any]:
    """A body of this depth, which holds a value in its innermost array."""
    for _ in range(depth - 2):  # the body and its arguments are two levels
        value = [value]
    return {"task": "demo.echo", "args": {"value": value}}


@pytest.mark.parametrize(
    ("depth", "value"),
    [*((depth, STRIPE_KEY) for depth in (2, 3, 29, 30, 31)), (31, "plain"), (32, "plain")],
)
def test_whatever_is_accepted_can_be_verified(depth: int, value: str) -> None:
    ledger = FakeLedger()
    submit(ingress(ledger=ledger), nested(depth, value))
    seal = ledger.seen[0].seal
    assert verify_job(seal, KEYRING, audience="countersign", now=NOW).claims.id == JOB_ID


def test_a_secret_so_deep_that_its_reference_could_not_be_read_is_refused_unwritten() -> None:
    store, ledger = FakeStore(), FakeLedger()
    with pytest.raises(Refused) as refused:
        submit(ingress(store=store, ledger=ledger), nested(32, STRIPE_KEY))
    assert refused.value.code == "malformed_request"
    assert "nested too deeply" in refused.value.message
    assert (store.written, ledger.seen) == ({}, [])


def test_what_grows_beyond_a_payloads_size_is_refused_unwritten() -> None:
    """A number of four characters takes eighteen in the one form that is signed."""
    store, ledger = FakeStore(), FakeLedger()
    pipeline = replace(ingress(store=store, ledger=ledger), max_bytes=1_000_000)
    numbers = ",".join(["1e15"] * 80_000)
    body = f'{{"task":"demo.echo","args":{{"value":["{STRIPE_KEY}",{numbers}]}}}}'
    with pytest.raises(Refused) as refused:
        asyncio.run(pipeline.submit(raw_request(body.encode())))
    assert refused.value.code == "too_large"
    assert (store.written, ledger.seen) == ({}, [])


def test_what_could_not_be_sealed_is_not_accepted() -> None:
    ledger = FakeLedger()
    with pytest.raises(VaultUnavailable):
        submit(ingress(signer=FakeSigner(VaultUnavailable("down")), ledger=ledger))
    assert ledger.seen == []


@pytest.mark.parametrize("error", [VaultUnavailable("down"), VaultDenied("no"), RuntimeError()])
def test_the_secrets_of_what_could_not_be_sealed_are_taken_back(error: Exception) -> None:
    store, ledger = FakeStore(), FakeLedger()
    with pytest.raises(type(error)):
        submit(ingress(store=store, ledger=ledger, signer=FakeSigner(error)))
    assert (list(store.written), store.deleted, ledger.seen) == ([PATH], [PATH], [])


def test_the_secrets_of_a_submission_that_is_cancelled_while_it_is_signed_are_taken_back() -> None:
    begun, store = asyncio.Event(), FakeStore()

    class Stalled(FakeSigner):
        async def sign(self, message: bytes) -> Any:
            begun.set()
            await asyncio.Event().wait()

    async def run() -> None:
        pipeline = ingress(store=store, signer=Stalled())
        task = asyncio.create_task(pipeline.submit(raw_request(SECRET)))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert store.deleted == [PATH]


@pytest.mark.parametrize("outcome", ["replayed", "mismatch", "limited", "full"])
def test_a_refused_jobs_secrets_are_taken_back(outcome: str) -> None:
    store = FakeStore()
    limited = registration(limits={"per_second": 1, "open_jobs": 1})
    with pytest.raises(Refused):
        submit(ingress(store=store, ledger=answering(outcome), producers=[limited]))
    assert store.deleted == [PATH]


@pytest.mark.parametrize(
    "ledger", [FakeLedger(error=LedgerRefused("full")), answering("clock")], ids=["full", "clock"]
)
def test_what_the_ledger_did_not_write_for_certain_leaves_no_secrets(ledger: FakeLedger) -> None:
    store = FakeStore()
    with pytest.raises(LedgerUnavailable):
        submit(ingress(store=store, ledger=ledger))
    assert store.deleted == [PATH]


def test_a_repeated_jobs_secrets_are_taken_back_and_the_first_answer_given() -> None:
    store = FakeStore()
    receipt = submit(ingress(store=store, ledger=answering("existing", OTHER_JOB_ID)))
    assert receipt.job_id == OTHER_JOB_ID
    assert store.deleted == [PATH]


def test_where_the_ledger_may_have_accepted_the_secrets_stay() -> None:
    store = FakeStore()
    with pytest.raises(LedgerUnavailable):
        submit(ingress(store=store, ledger=FakeLedger(error=LedgerUnavailable("down"))))
    assert store.deleted == []


def test_a_job_without_secrets_has_nothing_to_take_back() -> None:
    store = FakeStore()
    submit(ingress(store=store, ledger=answering("existing", OTHER_JOB_ID)), PLAIN)
    assert store.deleted == []


@pytest.mark.parametrize("error", [VaultUnavailable("down"), VaultDenied("no")])
def test_secrets_that_cannot_be_taken_back_do_not_change_the_answer(
    error: CountersignError, caplog: pytest.LogCaptureFixture
) -> None:
    store = FakeStore(delete_error=error)
    with pytest.raises(Refused) as refused:
        submit(ingress(store=store, ledger=answering("replayed")))
    assert refused.value.code == "replayed"
    receipt = submit(ingress(store=store, ledger=answering("existing", OTHER_JOB_ID)))
    assert receipt.job_id == OTHER_JOB_ID
    assert caplog.text.count(error.code) == 2
