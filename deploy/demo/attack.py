"""Act: whoever may write into the broker pushes forged messages; what becomes of them."""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from deploy.demo.facts import Ledger, Pushed
from deploy.demo.messages import FORGERIES, Message, push
from deploy.errors import StackError
from signing.ledger import keys

NOTICED_S = 20.0
POLL_S = 0.1


def push_forgeries(broker: Any, ledger: Any, message: Message) -> list[Pushed]:
    """Push each forgery of a message, and wait until the quarantine has as many."""
    pushed = [(forgery, push(broker, forgery, message)) for forgery in FORGERIES]
    wait_until(lambda: ledger.xlen(keys.QUARANTINE) >= len(pushed), NOTICED_S)
    found = quarantined(ledger)
    return [
        Pushed(forgery, tuple(found.get((forgery.queue, hashlib.sha256(raw).hexdigest()), ())))
        for forgery, raw in pushed
    ]


def quarantined(ledger: Any) -> dict[tuple[str, str], list[str]]:
    """The quarantine: queue and digest of a message -> reasons."""
    found: dict[tuple[str, str], list[str]] = {}
    for _, entry in ledger.xrange(keys.QUARANTINE):
        place = (entry[b"queue"].decode(), entry[b"digest"].decode())
        found.setdefault(place, []).append(entry[b"reason"].decode())
    return found


def read_ledger(ledger: Any) -> Ledger:
    """Read every job's state and attempts."""
    jobs = {}
    for key in ledger.scan_iter(match=f"{keys.job('')}*", count=1000):
        state, attempt = ledger.hmget(key, "state", "attempt")
        if state is not None and attempt is not None:
            jobs[key.decode().removeprefix(keys.job(""))] = (state.decode(), int(attempt))
    return Ledger(jobs)


def wait_until(ready: Callable[[], bool], seconds: float) -> bool:
    """Wait until it is ready; tell whether it is."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def victim(messages: Sequence[Message], job_ids: Sequence[str]) -> Message:
    """The message of the first of these jobs that lay in a queue.

    Raises:
        StackError: where none did.
    """
    by_id = {message.claims["id"]: message for message in messages}
    for job_id in job_ids:
        if job_id in by_id:
            return by_id[job_id]
    raise StackError("no job came into a queue: see the dispatcher's log")
