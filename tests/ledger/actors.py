"""Everyone who changes the ledger, each with its own Redis user, on scripts that can be altered."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from backends.redis_clients import Argument, Call, run_scripts
from signing.ledger.lua import ALL, Script
from signing.ledger.record import (
    RETENTION_MS,
    Acceptance,
    Accepted,
    Claim,
    Hint,
    accepted_from,
    claim_from,
    state_from,
    taken_from,
)
from signing.ledger.states import State
from tests.ledger.snapshot import Snapshot, take_snapshot
from tests.servers.servers import Role, Servers

SCRIPTS: Final[Mapping[str, Script]] = {script.name: script for script in ALL}


class Actors:
    """Every role as it calls the scripts, and the superuser, who looks."""

    def __init__(self, servers: Servers, scripts: Mapping[str, Script] = SCRIPTS) -> None:
        self._servers = servers
        self._scripts = scripts

    def empty(self) -> None:
        """Begin anew."""
        self._servers.redis("superuser").flushdb()

    def now(self) -> int:
        """Redis's time, ms."""
        seconds, micros = self._servers.redis("superuser").time()
        return int(seconds) * 1000 + int(micros) // 1000

    def look(self, ids: Sequence[str], queues: Sequence[str]) -> Snapshot:
        """Take a snapshot."""
        return take_snapshot(self._servers.redis("superuser"), ids, queues)

    def run_out(self, job_id: str) -> None:
        """Let a job's time be over now, from outside, where it has not expired yet."""
        superuser, now = self._servers.redis("superuser"), self.now()
        superuser.hset(f"cs:job:{job_id}", "expires", now)
        superuser.zadd("cs:expiring", {job_id: now}, xx=True)

    def kept_for_ever(self) -> set[str]:
        """Keys that Redis will not let go of by itself."""
        client: Any = self._servers.redis("superuser")
        return {key.decode() for key in client.scan_iter() if client.ttl(key) == -1}

    def arrival(self, producer: str) -> float:
        """The theoretical arrival time of a producer's next job, ms."""
        return float(self._servers.redis("superuser").get(f"cs:rate:{producer}") or 0)

    def accept(self, acceptance: Acceptance) -> Accepted:
        script = self._scripts["accept"]
        call = Call(script, acceptance.script_keys(), acceptance.script_args())
        return accepted_from(run_scripts(self._servers.redis("gateway"), [call])[0])

    def cancel(self, job_id: str, producer: str) -> str:
        return str(self._run("gateway", "cancel", job_id, producer, RETENTION_MS), "ascii")

    def operate(self, job_id: str, action: str, retention_ms: int = RETENTION_MS) -> str:
        return str(self._run("operator", "operate", job_id, action, retention_ms), "ascii")

    def forget(self, most: int = 100) -> int:
        return int(self._run("dispatcher", "forget", most))

    def take_due(self, most: int = 100) -> tuple[Hint, ...]:
        taken = taken_from(self._run("dispatcher", "take_due", most, RETENTION_MS))
        if taken.unreadable:
            raise AssertionError("a seal cannot be read")
        return taken.hints

    def republish(self, queue: str, in_queue: int, after_ms: int = 0, most: int = 100) -> int:
        return int(self._run("dispatcher", "republish", queue, in_queue, after_ms, most))

    def give_back(self, queue: str, in_queue: int, *job_ids: str) -> int:
        return int(self._run("dispatcher", "give_back", queue, in_queue, *job_ids))

    def reap(self, delay_ms: int = 0, most: int = 100) -> dict[str, str]:
        flat = self._run("dispatcher", "reap", most, delay_ms, RETENTION_MS)
        texts = [item.decode() for item in flat]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    def expire(self, most: int = 100) -> list[str]:
        return [item.decode() for item in self._run("dispatcher", "expire", most, RETENTION_MS)]

    def claim(
        self, job_id: str, worker: str = "w-1", lease_ms: int = 60_000, token: str = ""
    ) -> Claim:
        args = (job_id, worker, lease_ms, RETENTION_MS, token)
        return claim_from(self._run("worker", "claim", *args))

    def renew(self, held: Sequence[tuple[str, int]], lease_ms: int = 60_000) -> list[bool]:
        flat: list[Argument] = [part for pair in held for part in pair]
        return [item == 1 for item in self._run("worker", "renew", lease_ms, *flat)]

    def settle(
        self, job_id: str, attempt: int, kind: str = "succeeded", delay_ms: int = 0
    ) -> State | None:
        args = (job_id, attempt, kind, b"sealed", "why", delay_ms, RETENTION_MS)
        return state_from(self._run("worker", "settle", *args))

    def _run(self, role: Role, name: str, *args: Argument) -> Any:
        return run_scripts(self._servers.redis(role), [Call(self._scripts[name], (), args)])[0]


def pass_by(actors: Actors, moment: float) -> None:
    """Wait until Redis's clock has passed a moment."""
    while actors.now() <= moment:
        continue
