"""Servers that go away and come back: everything settles, by itself, and once."""

from typing import Any

from tests.servers.marks import wait_until
from tests.workers.site import Site, name
from tests.workers.waiting import WAITING, jobs_that_wait


def connections_of_workers(site: Site) -> list[Any]:
    superuser: Any = site.stack.servers.redis("superuser", 1)
    return [item for item in superuser.client_list() if item["user"] == "worker"]


def test_the_broker_emptied_while_jobs_wait(site: Site) -> None:
    flushed = name("flushed")
    jobs = [site.submit("test.mark", name=flushed) for _ in range(30)]
    wait_until(lambda: site.queued() == 30)
    broker: Any = site.stack.servers.redis("superuser", 1)
    broker.flushdb()
    site.worker()
    statuses = site.settled(*jobs)
    assert {(item["status"], item["attempts"]) for item in statuses} == {("succeeded", 1)}
    assert len(site.marks.of(flushed)) == 30


def test_a_lost_connection_to_the_broker_drops_nothing_that_waits_for_the_pool(
    site: Site,
) -> None:
    worker = site.worker(concurrency="1")
    behind = jobs_that_wait(site)
    superuser: Any = site.stack.servers.redis("superuser", 1)
    killed = {item["id"] for item in connections_of_workers(site)}
    for each in killed:
        superuser.client_kill_filter(_id=each)
    wait_until(lambda: bool({item["id"] for item in connections_of_workers(site)} - killed))
    site.marks.go(behind.running)
    statuses = site.settled(behind.first, *behind.jobs, seconds=15)
    assert {(item["status"], item["attempts"]) for item in statuses} == {("succeeded", 1)}
    assert len(site.marks.of(behind.waiting)) == WAITING
    assert worker.status is None


def test_vault_away_while_a_job_waits_for_its_secret(site: Site) -> None:
    worker = site.worker(concurrency="1")
    running, used = name("running"), name("used")
    first = site.submit("test.wait", name=running)
    site.marks.wait_for(running, "begun")
    second = site.submit("test.use", name=used, token="tok_" + "Zx82" * 6)
    site.stack.servers.local.stop_vault(kill=True)
    site.marks.go(running)
    wait_until(lambda: site.attempts(second) >= 1)
    wait_until(lambda: "Vault does not serve" in site.stack.log("worker"))
    site.stack.servers.local.start_vault()
    statuses = site.settled(first, second)
    assert [item["status"] for item in statuses] == ["succeeded", "succeeded"]
    assert statuses[1]["result"] == 28
    assert len(site.marks.of(running, "ended")) == 1
    assert len(site.marks.of(used)) == 1
    assert worker.status is None


def test_redis_killed_and_started_again_midway(site: Site) -> None:
    worker = site.worker(lease_seconds="3", concurrency="2")
    running, marked = name("running"), name("marked")
    first = site.submit("test.wait", name=running)
    site.marks.wait_for(running, "begun")
    jobs = [site.submit("test.mark", name=marked) for _ in range(30)]
    site.stack.servers.local.stop_redis(kill=True)
    site.marks.go(running)
    site.marks.wait_for(running, "ended")
    site.stack.servers.local.start_redis()
    wait_until(site.stack.is_ready)
    statuses = site.settled(first, *jobs)
    assert {item["status"] for item in statuses} == {"succeeded"}
    assert {mark.job for mark in site.marks.of(marked)} == set(jobs)
    assert worker.status is None
