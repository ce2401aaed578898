"""The whole stack started from a cut: recorded requests are refused, and every job runs."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from backends.redis_clients import SyncRedis
from bench.power.image import Image
from bench.power.load import FINAL, Connection, Promise, signed
from bench.power.restore import restored
from bench.power.run import Recording, superuser
from bench.stack import BenchStack
from signing.ledger import keys

SETTLE_S: Final = 180.0
ASKED_AGAIN: Final = 60
SHOWN: Final = 5
HELD: Final = "held worker_lost payments.capture"
#: Jobs that ran at the moment of the cut come back after this.
LEASE: Final = "3"


@dataclass(frozen=True, slots=True)
class Whole:
    """What became of the jobs.

    Attributes:
        replayed: recorded requests that were refused as such, of those that were sent again.
        same: idempotency keys that gave the first job again, likewise.
        succeeded: jobs that ran to success, of those accepted before the cut.
        held: jobs that ran at the moment of the cut, of a task that says `on_lost="hold"`.
        others: state and error of the first jobs that did not.
    """

    accepted: int
    replayed: int
    same: int
    asked_again: int
    succeeded: int
    held: int
    others: list[str]

    @property
    def failed(self) -> bool:
        """Whether a promise was broken."""
        ended = self.succeeded + self.held
        return ended < self.accepted or self.replayed + self.same < self.asked_again


def whole_stack(stack: BenchStack, recording: Recording, seed: int) -> Whole:
    """Start everything from the strict cut at the moment of the kill.

    At an earlier one the world would have gone on without Redis: a job that settled after it has
    no secret in Vault any more.
    """
    at = recording.killed_at
    promises = [item for item in recording.journal.promises if item.at <= at]
    (cut,) = recording.disk().cuts(recording.calls, [at])
    with restored(stack, recording, Image(cut, "strict"), seed):
        parts = [stack.start("gateway"), stack.start("dispatcher")]
        try:
            some = promises[:: 1 + len(promises) // ASKED_AGAIN]
            replayed, same, asked = asyncio.run(_ask_again(stack, some))
            parts.append(stack.start("worker", COUNTERSIGN_LEASE_SECONDS=LEASE))
            with superuser(stack) as client:
                succeeded, held, others = _ended(client, promises)
        finally:
            for part in parts:
                part.kill()
    return Whole(len(promises), replayed, same, asked, succeeded, held, others)


async def _ask_again(stack: BenchStack, promises: Sequence[Promise]) -> tuple[int, int, int]:
    target = stack.target
    connection = await Connection.open(target)
    replayed = same = asked = 0
    for promise in promises:
        status, answer = await connection.ask(promise.request)
        asked += 1
        replayed += (status, answer.get("code")) == (409, "replayed")
        if promise.idempotency_key is not None:
            nonce, key = secrets.token_hex(12), promise.idempotency_key
            again = signed(target, "POST", "/v1/jobs", promise.body, nonce, key)
            status, answer = await connection.ask(again)
            asked += 1
            same += status == 202 and answer["id"] == promise.job
    await connection.close()
    return replayed, same, asked


def _ended(client: SyncRedis, promises: Sequence[Promise]) -> tuple[int, int, list[str]]:
    """Wait until all have ended; give how many succeeded, are held, and how others did."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        pipe: Any = client.pipeline(transaction=False)
        for promise in promises:
            pipe.hmget(keys.job(promise.job), "state", "error", "task")
        found = [[(item or b"").decode() for item in row] for row in pipe.execute()]
        states = [row[0] for row in found]
        if (
            all(state in FINAL or state == "held" for state in states)
            or time.monotonic() > deadline
        ):
            others = [" ".join(row) for row in found if row[0] != "succeeded"]
            return states.count("succeeded"), others.count(HELD), others[:SHOWN]
        time.sleep(0.2)
