"""Step 1: what leaves it is what a trusted key signed for this queue and these tasks."""

import json
from typing import Any

import pytest

from signing.errors import SealInvalid
from signing.seals import unsigned_result
from tests.signing.builders import AUDIENCE, NOW, job_claims, result_claims, sealed
from tests.workers.builders import KEYRING, sealed_job
from workers.types import Delivered, Verified
from workers.verify import verify
from workers.wire import CONTENT_TYPE

TASKS = ("payments.capture", "payments.refund")


def message(envelope: bytes) -> bytes:
    document = {
        "body": envelope.decode(),
        "content-type": CONTENT_TYPE,
        "content-encoding": "utf-8",
        "headers": {"task": "other"},
        "properties": {},
    }
    return json.dumps(document).encode()


def verified(envelope: bytes, **changes: Any) -> Verified:
    delivered = Delivered(changes.pop("queue", "fast"), message(envelope))
    given: dict[str, Any] = {"audience": AUDIENCE, "tasks": TASKS, "now": NOW}
    return verify(delivered, KEYRING, **(given | changes))


def test_it_gives_the_claims_that_were_signed() -> None:
    given = verified(sealed_job())
    assert given.job.claims == job_claims()
    assert given.job.keyids == ("job:1",)
    assert given.job.seal.startswith("sha-256:")
    assert (given.queue, given.raw) == ("fast", message(sealed_job()))


@pytest.mark.parametrize(
    ("envelope", "changes", "code"),
    [
        (sealed_job(queue="slow"), {}, "queue_mismatch"),
        (sealed_job(), {"queue": "slow"}, "queue_mismatch"),
        (sealed_job(task="payments.other"), {}, "task_not_served"),
        (sealed_job(), {"tasks": ()}, "task_not_served"),
        (sealed_job(audience="other"), {}, "audience_mismatch"),
        (sealed_job(), {"now": NOW - 30_001}, "issued_in_future"),
        (sealed(unsigned_result(result_claims()), "result:1", 2), {}, "key_unknown"),
        (b"{}", {}, "seal_malformed"),
    ],
)
def test_what_it_refuses(envelope: bytes, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(SealInvalid) as raised:
        verified(envelope, **changes)
    assert raised.value.code == code


def test_it_raises_for_what_is_no_message() -> None:
    with pytest.raises(SealInvalid) as raised:
        verify(Delivered("fast", b"x"), KEYRING, audience=AUDIENCE, tasks=TASKS, now=NOW)
    assert raised.value.code == "message_malformed"


def test_raw_bytes_are_not_in_a_repr() -> None:
    assert "raw" not in repr(verified(sealed_job()))
    assert "secret" not in repr(Delivered("fast", b"secret"))
