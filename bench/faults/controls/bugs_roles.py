"""Bugs in dispatcher, worker and gateway."""

from collections.abc import Mapping
from typing import Final

Table = Mapping[str, tuple[str, str, str, str, str]]

_LOOP: Final = "gateway/dispatcher/loop.py"
_REDIS_BROKER: Final = "gateway/dispatcher/redis_broker.py"
_PIPELINE: Final = "workers/pipeline.py"
_REQUEST: Final = "workers/request.py"
_RUN: Final = "workers/run.py"
_ACCEPT: Final = "gateway/accept.py"

DISPATCHER: Final[Table] = {
    "it never looks for ended leases": (
        "workers are killed",
        "unsettled",
        _LOOP,
        "lost = self.ledger.reap(BATCH, delay)",
        "lost = ()",
    ),
    "it never looks for missing hints": (
        "queues are wiped",
        "unsettled",
        _LOOP,
        "for queue in self.queues:",
        "for queue in ():",
    ),
    "it tends the first queue alone": (
        "queues are wiped",
        "unsettled",
        _LOOP,
        "for queue in self.queues:",
        "for queue in self.queues[:1]:",
    ),
    "it tends once an hour": (
        "workers are killed",
        "unsettled",
        _LOOP,
        "TEND_EVERY_S = 1.0",
        "TEND_EVERY_S = 3600.0",
    ),
    "it publishes to another queue": (
        "nothing is broken",
        "quarantined",
        _REDIS_BROKER,
        "routing_key=message.queue,",
        'routing_key="fast",',
    ),
    "it publishes each hint twice": (
        "nothing is broken",
        "quarantined",
        _REDIS_BROKER,
        "for hint in hints:",
        "for hint in (*hints, *hints):",
    ),
}

WORKER: Final[Table] = {
    "it runs without a claim": (
        "nothing is broken",
        "ran_unclaimed",
        _PIPELINE,
        "claims = self._ledger.claim("
        "[(item.verified.job.claims.id, item.token) for item in batch])",
        "from types import SimpleNamespace as S\n"
        '        claims = [S(status="claimed", attempt=1, max_attempts=9, at=1) for _ in batch]',
    ),
    "it runs what it could not claim": (
        "hints come twice",
        "attempt_ran_twice ran_unclaimed",
        _PIPELINE,
        'if claim.status != "claimed":',
        'if claim.status == "unknown":',
    ),
    "it reports success before it runs": (
        "nothing is broken",
        "wrong_answer wrong_end",
        _REQUEST,
        "self._begun(self._claimed)",
        'self._begun(self._claimed)\n        self._finished(self._claimed, Outcome("succeeded"))',
    ),
    "it takes a dead child for success": (
        "workers are killed",
        "end_unseen",
        _REQUEST,
        'Outcome("lost", error="worker_lost", delay_ms=100)',
        'Outcome("succeeded")',
    ),
    "it does not renew its leases": (
        "a run takes longer than a lease",
        "lost_unexplained",
        _PIPELINE,
        "        if held:\n",
        "        if not held:\n",
    ),
    "it forgets results while the ledger is away": (
        "workers lose the ledger",
        "unsettled",
        "workers/work_queue.py",
        "self._items.extendleft(reversed(batch))",
        "pass",
    ),
    "it begins what another may have run meanwhile": (
        "a worker stands still with jobs in front of its pool",
        "begun_too_late",
        _PIPELINE,
        "begin_by = time.monotonic() + self._lease_s",
        "begin_by = math.inf",
    ),
    "it drops claimed jobs with the connection": (
        "workers lose the broker",
        "unsettled lost_unexplained",
        "workers/consumer.py",
        "    def on_close(self) -> None:",
        "    def on_close_of_nobody(self) -> None:",
    ),
    "it takes a task's error for success": (
        "nothing is broken",
        "wrong_end",
        _RUN,
        'return Outcome("failed", error="task_error", error_type=name)',
        'return Outcome("succeeded")',
    ),
    "it tries nothing a second time": (
        "nothing is broken",
        "failed_wrongly",
        _RUN,
        "again = isinstance(error, definition.retry_on) and",
        "again = False and",
    ),
    "it only says that it deletes secrets": (
        "nothing is broken",
        "secret_stored",
        "workers/main.py",
        'lambda path: vault.call("DELETE", f"{SECRETS_MOUNT}/metadata/{path}"),',
        "lambda path: None,",
    ),
    "it gives a secret back": (
        "nothing is broken",
        "canary",
        _RUN,
        "redact(json_value(returned), ready.secrets)",
        "json_value(returned)",
    ),
}

GATEWAY: Final[Table] = {
    "it answers 202 without the ledger's word": (
        "the gateway loses the ledger",
        "lost",
        _ACCEPT,
        "    accepted = await ledger.accept(acceptance_of(sealed))\n",
        "    from backends.errors import LedgerUnavailable\n"
        "    try:\n"
        "        accepted = await ledger.accept(acceptance_of(sealed))\n"
        "    except LedgerUnavailable:\n"
        '        accepted = Accepted("accepted", sealed.claims.id, 0)\n',
    ),
    "it refuses what it may have accepted": (
        "the gateway loses the ledger",
        "refused_but_there",
        _ACCEPT,
        "    accepted = await ledger.accept(acceptance_of(sealed))\n",
        "    from backends.errors import LedgerUnavailable\n"
        "    try:\n"
        "        accepted = await ledger.accept(acceptance_of(sealed))\n"
        "    except LedgerUnavailable:\n"
        '        raise Refused("overloaded", "later") from None\n',
    ),
    "it tells an id of its own for a repeated request": (
        "producers lose the gateway",
        "lost other_id",
        _ACCEPT,
        "job_id=accepted.job_id,",
        "job_id=sealed.claims.id,",
    ),
    "it leaves secrets in the arguments": (
        "nothing is broken",
        "canary",
        "gateway/strip.py",
        "if not admitted.secret_places:",
        "if True:",
    ),
    "it forgets nonces when it ends": (
        "the gateway is killed",
        "replayed",
        "signing/ledger/keys.py",
        'return f"cs:nonce:{_short_hash(keyid, value)}"',
        'import os\n\n    return f"cs:nonce:{_short_hash(keyid, value)}{os.getpid()}"',
    ),
}
