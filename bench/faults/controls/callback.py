"""A producer that does what it should not get: cancels jobs that run, sends requests again."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import redis
from redis.exceptions import RedisError

from bench.faults import gather
from bench.faults.caller import Caller, Signed, outcome
from bench.faults.jobs import producer_of
from bench.faults.journal import Entry, Journal, read_journal
from bench.load import Target
from signing.ledger import keys

LOOK_EVERY_S: Final = 0.2
#: So long it is waited for the first jobs, which show that all parts are at work.
WARM_S: Final = 10.0


class CallsBack:
    """Signs some requests before the faults, and sends them again after; cancels meanwhile."""

    def __init__(self, targets: Sequence[Target], journal: Path, seed: int) -> None:
        self._callers = [Caller(target) for target in targets]
        self._path = journal
        self._seed = seed
        self._sent: list[tuple[str, Signed]] = []

    def hand_in(self, ledger: redis.Redis, count: int) -> None:
        """Hand in a few jobs whose requests are kept, and wait until they have settled."""
        with Journal(self._path) as journal:
            for number in range(count):
                ref = f"p0-{self._seed}-again-{number}"
                args = {"ref": ref, "note": "again"}
                body = {"task": "faults.quick", "args": args}
                request = self._callers[0].sign("POST", "/v1/jobs", body)
                journal.write(Entry("attempt", ref, task="faults.quick", kind="quick"))
                reply = self._callers[0].send(request)
                what = outcome(reply)
                job = reply.job if what == "accepted" else None
                journal.write(Entry(what, ref, job, reply.status, reply.code))
                if what == "accepted":
                    self._sent.append((ref, request))

        deadline, pause = time.monotonic() + WARM_S, threading.Event()
        while gather.unsettled(ledger) and time.monotonic() < deadline:
            pause.wait(0.05)

    def hand_in_again(self) -> None:
        """Send what was accepted again, byte for byte."""
        with Journal(self._path) as journal:
            for ref, request in self._sent:
                reply = self._callers[0].send(request)
                journal.write(Entry("replay", ref, reply.job, reply.status, reply.code))

    def cancel_running(self, ledger: redis.Redis, stop: threading.Event) -> None:
        """Ask for the cancellation of each job that is seen to run, once, until `stop` is set."""
        asked: set[str] = set()
        with Journal(self._path) as journal:
            while not stop.wait(LOOK_EVERY_S):
                for job in _running(ledger) - asked:
                    ref = self._refs().get(job)
                    if ref is not None:
                        asked.add(job)
                        journal.write(Entry("cancel", ref, job))
                        self._callers[producer_of(ref)].call("DELETE", f"/v1/jobs/{job}")

    def close(self) -> None:
        """Close all connections."""
        for caller in self._callers:
            caller.close()

    def _refs(self) -> dict[str, str]:
        told = read_journal(self._path)
        return {entry.job: entry.ref for entry in told if entry.event == "accepted" and entry.job}


def _running(ledger: Any) -> set[str]:
    try:
        return {job.decode("ascii") for job in ledger.zrange(keys.RUNNING, 0, -1)}
    except (RedisError, OSError):
        return set()
