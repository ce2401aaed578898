"""Both pools run jobs, resolve secrets, retry, and end what runs too long."""

import pytest
from hvac.exceptions import InvalidPath

from tests.servers.marks import wait_until
from tests.workers.site import Site, name

POOLS = ("prefork", "threads")


@pytest.mark.parametrize("pool", POOLS)
def test_jobs_of_every_kind(site: Site, pool: str) -> None:
    site.worker(pool=pool, concurrency="3")
    names = {what: name(what) for what in ("used", "once", "never", "hung")}
    hung = site.submit("test.stubborn", name=names["hung"])
    used = site.submit("test.use", name=names["used"], token="tok_" + "Zx81" * 6)
    once = site.submit("test.flaky", name=names["once"], until=2)
    never = site.submit("test.flaky", name=names["never"], until=9)
    marked = [site.submit("test.mark", name=names["used"]) for _ in range(20)]

    statuses = site.settled(used, *marked)
    assert {status["status"] for status in statuses} == {"succeeded"}
    assert statuses[0]["result"] == 28
    assert len(site.marks.of(names["used"], "ran")) == 20

    (retried,) = site.settled(once)
    assert (retried["status"], retried["result"], retried["attempts"]) == ("succeeded", 2, 2)

    (failed,) = site.settled(never)
    assert (failed["status"], failed["attempts"]) == ("failed", 3)
    assert failed["error"] == {"code": "task_error", "type": "ConnectionError"}
    assert failed["sealed_result"] is not None
    assert [mark.attempt for mark in site.marks.of(names["never"], "tried")] == [1, 2, 3]

    (ended,) = site.settled(hung)
    assert (ended["status"], ended["attempts"]) == ("failed", 1)
    assert ended["error"] == {"code": "time_limit_exceeded", "type": None}


def test_the_soft_limit_is_an_exception_in_the_task(site: Site) -> None:
    site.worker()
    (status,) = site.settled(site.submit("test.soft", name=name("soft")))
    assert status["status"] == "failed"
    assert status["error"] == {"code": "time_limit_exceeded", "type": "SoftTimeLimitExceeded"}


def test_the_sample_tasks(site: Site) -> None:
    site.worker()
    flaky = site.submit("demo.flaky", until=2)
    hang = site.submit("demo.hang")
    statuses = site.settled(flaky, hang)
    assert statuses[0]["result"] == 2
    assert statuses[1]["error"]["code"] == "time_limit_exceeded"


def test_secrets_are_deleted_once_their_job_has_settled(site: Site) -> None:
    site.worker()
    used = site.submit("test.use", name=name("used"), token="tok_" + "Qy73" * 6)
    failed = site.submit("test.leak_error", token="tok_" + "Qy74" * 6)
    statuses = site.settled(used, failed)
    assert [status["status"] for status in statuses] == ["succeeded", "failed"]
    vault = site.stack.servers.vault("worker").secrets.kv.v2
    for job_id, task in ((used, "test.use"), (failed, "test.leak_error")):
        path = f"jobs/fast/{task}/{job_id}"

        def is_gone(path: str = path) -> bool:
            try:
                vault.read_secret_version(
                    mount_point="countersign-secrets", path=path, raise_on_deleted_version=True
                )
            except InvalidPath:
                return True
            return False

        wait_until(is_gone)
