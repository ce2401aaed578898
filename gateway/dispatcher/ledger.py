"""The ledger as a dispatcher uses it."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from redis.exceptions import RedisError

from backends.redis_clients import Argument, Call, SyncRedis, run_scripts, unavailable
from signing.ledger import keys
from signing.ledger.lua import EXPIRE, FORGET, GIVE_BACK, REAP, REPUBLISH, TAKE_DUE, Script
from signing.ledger.record import RETENTION_MS, Hint, taken_from

#: After so long without a word the subscription is asked for one, and given up after as long again.
QUIET_S: Final = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reaped:
    """A job whose lease ended without an outcome, and the state it is in now."""

    job_id: str
    state: str


class DispatcherLedger(Protocol):
    """What a dispatcher asks of the ledger; everything raises `LedgerUnavailable`."""

    def take_due(self, most: int) -> tuple[Hint, ...]:
        """Take jobs that are due now, and mark them as published."""

    def republish(self, queue: str, in_queue: int, after_ms: int, most: int) -> int:
        """Make due again what was published so long ago and is not in the queue any more."""

    def give_back(self, queue: str, in_queue: int, job_ids: Sequence[str]) -> int:
        """Make due again, at their old place, those of these that are not in the queue."""

    def reap(self, most: int, delay_ms: int) -> tuple[Reaped, ...]:
        """Rerun, hold or fail jobs whose lease has ended."""

    def expire(self, most: int) -> int:
        """Settle jobs that expired before they ran."""

    def forget(self, most: int) -> int:
        """Take jobs whose retention is over out of their producers' index."""

    def next_due_in(self) -> float | None:
        """Seconds until the next job is due; `None` where none waits."""

    def wait_for_wake(self, seconds: float) -> None:
        """Return when something became due, or after `seconds`."""

    def close(self) -> None:
        """Close the connections."""


class RedisDispatcherLedger:
    """Implements `DispatcherLedger` on the ledger's Redis."""

    def __init__(
        self,
        client: SyncRedis,
        listener: SyncRedis,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._listener: Any = listener
        self._monotonic = monotonic
        self._wakes: Any = None
        self._heard_at = 0.0
        self._asked_at: float | None = None

    def take_due(self, most: int) -> tuple[Hint, ...]:
        """Run the script `take_due`."""
        taken = taken_from(self._run(TAKE_DUE, most, RETENTION_MS))
        for job_id in taken.unreadable:
            _log.error("job %s has no record or seal that can be read; it is not published", job_id)
        return taken.hints

    def republish(self, queue: str, in_queue: int, after_ms: int, most: int) -> int:
        """Run the script `republish`."""
        return int(self._run(REPUBLISH, queue, in_queue, after_ms, most))

    def give_back(self, queue: str, in_queue: int, job_ids: Sequence[str]) -> int:
        """Run the script `give_back`."""
        return int(self._run(GIVE_BACK, queue, in_queue, *job_ids))

    def reap(self, most: int, delay_ms: int) -> tuple[Reaped, ...]:
        """Run the script `reap`."""
        flat = self._run(REAP, most, delay_ms, RETENTION_MS)
        return tuple(
            # A worker may write to the index: an id may be anything.
            Reaped(flat[i].decode("ascii", "backslashreplace"), flat[i + 1].decode("ascii"))
            for i in range(0, len(flat), 2)
        )

    def expire(self, most: int) -> int:
        """Run the script `expire`."""
        return len(self._run(EXPIRE, most, RETENTION_MS))

    def forget(self, most: int) -> int:
        """Run the script `forget`."""
        return int(self._run(FORGET, most))

    def next_due_in(self) -> float | None:
        """Compare the first entry with Redis's clock."""
        pipe: Any
        try:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.zrange(keys.DUE, 0, 0, withscores=True)
                pipe.time()
                first, (seconds, micros) = pipe.execute()
        except (RedisError, OSError) as error:
            raise unavailable(error) from None
        if not first:
            return None
        now = float(seconds) + float(micros) / 1_000_000
        return max(0.0, float(first[0][1]) / 1000 - now)

    def wait_for_wake(self, seconds: float) -> None:
        """Listen on the channel `cs:wake`; a connection that has gone silent is given up."""
        try:
            if self._wakes is None:
                self._wakes = self._listener.pubsub(ignore_subscribe_messages=True)
                self._wakes.subscribe(keys.WAKE_CHANNEL)
                self._heard()
            self._ask()
            if self._wakes.get_message(timeout=seconds) is not None:
                while self._wakes.get_message(timeout=0) is not None:
                    pass
                self._heard()
            elif self._asked_at is not None and self._monotonic() > self._asked_at + QUIET_S:
                raise TimeoutError
        except (RedisError, OSError) as error:
            self._forget_wakes()
            raise unavailable(error) from None

    def close(self) -> None:
        """Close both connections."""
        self._forget_wakes()
        self._client.close()
        self._listener.close()

    def _heard(self) -> None:
        self._heard_at, self._asked_at = self._monotonic(), None

    def _ask(self) -> None:
        """Ask for a word where there was none for a while: silence says nothing by itself."""
        if self._asked_at is None and self._monotonic() > self._heard_at + QUIET_S:
            self._wakes.ping()
            self._asked_at = self._monotonic()

    def _forget_wakes(self) -> None:
        wakes, self._wakes = self._wakes, None
        if wakes is not None:
            wakes.close()

    def _run(self, script: Script, *args: Argument) -> Any:
        return run_scripts(self._client, [Call(script, (), args)])[0]
