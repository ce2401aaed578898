"""A running stack to which tests bring their own workers."""

import secrets
from dataclasses import dataclass
from typing import Any

from deploy.local.process import Child
from deploy.local.redis_acl import queue_keys
from tests.servers.marks import Marks, wait_until
from tests.servers.stack import Producer, Stack


@dataclass(frozen=True, slots=True)
class Site:
    """Gateway, dispatcher, servers; and workers as a test wants them."""

    stack: Stack
    marks: Marks
    producer: Producer

    def worker(self, name: str = "worker", **settings: str) -> Child:
        """Start a worker; `pool`, `concurrency` and so on are its settings' last words."""
        given = {f"COUNTERSIGN_{key.upper()}": value for key, value in settings.items()}
        return self.stack.start("worker", name=name, **self.marks.settings, **given)

    def submit(self, task: str, **args: Any) -> str:
        """Submit a job and give its id."""
        answer = self.producer.submit(task, args)
        assert answer.status == 202, answer.data
        job_id: str = answer.json["id"]
        return job_id

    def status(self, job_id: str) -> Any:
        """What the gateway says of a job."""
        return self.producer.call("GET", f"/v1/jobs/{job_id}").json

    def wait_status(self, job_id: str, status: str, seconds: float = 60.0) -> Any:
        """Wait until a job has a status."""
        wait_until(lambda: self.status(job_id).get("status") == status, seconds)
        return self.status(job_id)

    def settled(self, *job_ids: str, seconds: int = 60) -> list[Any]:
        """Wait until jobs have settled."""
        return [self.producer.settled(job_id, seconds) for job_id in job_ids]

    def queued(self, queue: str = "fast") -> int:
        """How many hints lie in a queue."""
        broker: Any = self.stack.servers.redis("superuser", 1)
        return sum(broker.llen(key) for key in queue_keys(queue))

    def attempts(self, job_id: str) -> int:
        """How often a job was claimed, by the ledger."""
        ledger: Any = self.stack.servers.redis("superuser")
        return int(ledger.hget(f"cs:job:{job_id}", "attempt"))


def name(what: str) -> str:
    """A name for marks that no other test has."""
    return f"{what}-{secrets.token_hex(4)}"
