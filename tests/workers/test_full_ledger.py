"""A ledger that is full for longer than a lease takes no job from a worker that runs it."""

from dataclasses import replace
from typing import Any

from tests.servers.marks import wait_until
from tests.workers.site import Site, name

LEASE_S = 6


def test_a_run_keeps_its_job_and_settles_while_the_ledger_is_full(site: Site) -> None:
    site.worker(concurrency="1", lease_seconds=str(LEASE_S))
    held = name("held")
    job_id = site.submit("test.wait_held", name=held)
    site.marks.wait_for(held, "begun")
    superuser: Any = site.stack.servers.redis("superuser")
    superuser.config_set("maxmemory", 1)
    try:
        after = superuser.time()[0] + 2 * LEASE_S
        wait_until(lambda: superuser.time()[0] > after)
        refused = replace(site.producer, patience_s=0.0).submit("demo.noop", {})
        assert (refused.status, refused.json["code"]) == (503, "ledger_unavailable")
        site.marks.go(held)
        wait_until(lambda: superuser.hget(f"cs:job:{job_id}", "state") == b"succeeded")
    finally:
        superuser.config_set("maxmemory", 0)
    [status] = site.settled(job_id)
    assert (status["status"], status["attempts"]) == ("succeeded", 1)
    assert site.producer.run("demo.noop", {})["status"] == "succeeded"
