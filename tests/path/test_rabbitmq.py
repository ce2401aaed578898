"""The whole path with RabbitMQ for a broker."""

import os
import signal
from collections.abc import Iterator

import pytest

from deploy.local.process import Child
from tests.canary import scan
from tests.servers.marks import wait_until
from tests.servers.rabbit import RabbitSite, superuser
from tests.workers.site import name

MANY = 200


@pytest.fixture
def worker(rabbit_site: RabbitSite) -> Iterator[Child]:
    # With a long lease: a job that waits for its pool through a short one is given back, and is
    # counted as attempted when it comes again. A node takes its time to start.
    yield rabbit_site.worker(concurrency="2", lease_seconds="120")
    rabbit_site.stack.stop("worker")


@pytest.mark.usefixtures("worker")
def test_sample_jobs_run(rabbit_site: RabbitSite) -> None:
    producer = rabbit_site.producer
    status = producer.run("demo.echo", {"value": {"a": [1, 2.5, "ü"]}})
    assert (status["status"], status["result"]) == ("succeeded", {"a": [1, 2.5, "ü"]})
    status = producer.run("demo.fail", {})
    assert status["error"] == {"code": "task_error", "type": "RuntimeError"}
    slow = name("slow")
    assert producer.run("test.slow_queue", {"name": slow})["status"] == "succeeded"


@pytest.mark.usefixtures("worker")
def test_a_job_is_tried_again(rabbit_site: RabbitSite) -> None:
    flaky = name("flaky")
    status = rabbit_site.producer.run("test.flaky", {"name": flaky, "until": 2})
    assert (status["status"], status["result"], status["attempts"]) == ("succeeded", 2, 2)


@pytest.mark.usefixtures("worker")
def test_a_secret_reaches_its_task(rabbit_site: RabbitSite) -> None:
    used = name("used")
    status = rabbit_site.producer.run("test.use", {"name": used, "token": "tok_" + "Zx83" * 6})
    assert (status["status"], status["result"]) == ("succeeded", 28)


def test_a_secret_is_not_in_rabbitmq(rabbit_site: RabbitSite) -> None:
    """Nor anywhere else, with its hint in the queue; that the search finds what is there, too."""
    secret, used = "tok_" + "Zx84" * 6, name("used")
    job_id = rabbit_site.submit("test.use", name=used, token=secret)
    wait_until(lambda: rabbit_site.published(job_id) > 0 and rabbit_site.queued() == 1)
    assert scan(rabbit_site.stack, [secret]).hits == ()
    assert [hit for hit in scan(rabbit_site.stack, [job_id]).hits if "rabbitmq/mnesia" in hit]
    rabbit_site.worker("worker-of-secret")
    rabbit_site.settled(job_id)
    rabbit_site.stack.stop("worker-of-secret")
    assert scan(rabbit_site.stack, [secret]).hits == ()


def test_many_jobs_run_once_each(rabbit_site: RabbitSite, worker: Child) -> None:
    each = name("each")
    jobs = [rabbit_site.submit("test.mark", name=each) for _ in range(MANY)]
    statuses = rabbit_site.settled(*jobs)
    assert {(item["status"], item["attempts"]) for item in statuses} == {("succeeded", 1)}
    assert len(rabbit_site.marks.of(each)) == MANY
    assert worker.status is None


def test_what_a_killed_worker_held_runs_again(rabbit_site: RabbitSite) -> None:
    rabbit_site.worker("first", concurrency="1", lease_seconds="3")
    running = name("running")
    job_id = rabbit_site.submit("test.wait", name=running)
    rabbit_site.marks.wait_for(running, "begun")
    rabbit_site.stack.stop("first", kill=True)
    rabbit_site.worker("second", concurrency="1")
    rabbit_site.marks.wait_for(running, "begun", 2)
    rabbit_site.marks.go(running)
    [status] = rabbit_site.settled(job_id)
    assert (status["status"], status["attempts"]) == ("succeeded", 2)
    rabbit_site.stack.stop("second")


def test_the_queue_purged_amid_jobs(rabbit_site: RabbitSite, worker: Child) -> None:
    purged = name("purged")
    jobs = [rabbit_site.submit("test.mark", name=purged) for _ in range(MANY // 2)]
    rabbit_site.purge()
    jobs += [rabbit_site.submit("test.mark", name=purged) for _ in range(MANY // 2)]
    rabbit_site.purge()
    statuses = rabbit_site.settled(*jobs)
    assert {(item["status"], item["attempts"]) for item in statuses} == {("succeeded", 1)}
    assert len(rabbit_site.marks.of(purged)) == MANY
    assert worker.status is None


@pytest.mark.parametrize("wiped", [False, True], ids=["killed", "wiped"])
def test_the_node_killed_amid_jobs(rabbit_site: RabbitSite, worker: Child, wiped: bool) -> None:
    running, marked = name("running"), name("marked")
    quarantined = rabbit_site.stack.quarantined()
    first = rabbit_site.submit("test.wait", name=running)
    rabbit_site.marks.wait_for(running, "begun")
    jobs = [rabbit_site.submit("test.mark", name=marked) for _ in range(MANY // 2)]
    local = rabbit_site.servers.local
    if wiped:
        local.wipe_rabbit()
    else:
        local.stop_rabbit(kill=True)
    jobs += [rabbit_site.submit("test.mark", name=marked) for _ in range(MANY // 2)]
    rabbit_site.marks.go(running)
    local.start_rabbit()
    last = rabbit_site.submit("test.mark", name=marked)
    [status] = rabbit_site.settled(last)
    statuses = [status, *rabbit_site.settled(first, *jobs)]
    assert {(item["status"], item["attempts"]) for item in statuses} == {("succeeded", 1)}
    assert len(rabbit_site.marks.of(marked)) == MANY + 1
    assert rabbit_site.stack.quarantined() == quarantined
    assert worker.status is None


def test_a_queue_that_is_deleted_and_made_again(rabbit_site: RabbitSite, worker: Child) -> None:
    marked = name("marked")
    rabbit_site.settled(rabbit_site.submit("test.mark", name=marked))
    with superuser(rabbit_site.servers) as channel:
        channel.queue_delete("slow")
        job_id = rabbit_site.submit("test.slow_queue", name=marked)
        wait_until(lambda: "NotFound" in rabbit_site.stack.log("worker"))
        wait_until(lambda: "waiting for" in rabbit_site.stack.log("dispatcher"))
        arguments = {"x-queue-type": "quorum"}
        channel.queue_declare("slow", durable=True, auto_delete=False, arguments=arguments)
    [status] = rabbit_site.settled(job_id)
    assert (status["status"], status["attempts"]) == ("succeeded", 1)
    assert worker.status is None


def test_a_silent_node_is_left_and_work_goes_on(rabbit_site: RabbitSite, worker: Child) -> None:
    marked = name("marked")
    rabbit_site.settled(rabbit_site.submit("test.mark", name=marked))
    node = rabbit_site.servers.local.start_rabbit()
    os.kill(node.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: "heartbeats missed" in rabbit_site.stack.log("worker"), 15)
        jobs = [rabbit_site.submit("test.mark", name=marked) for _ in range(20)]
    finally:
        os.kill(node.pid, signal.SIGCONT)
    statuses = rabbit_site.settled(*jobs, seconds=15)
    assert {(item["status"], item["attempts"]) for item in statuses} == {("succeeded", 1)}
    assert worker.status is None


def test_hints_that_a_busy_worker_has_no_room_for_go_to_another(rabbit_site: RabbitSite) -> None:
    busy = rabbit_site.worker("busy", concurrency="1")
    running, waiting = name("running"), name("waiting")
    first = rabbit_site.submit("test.wait", name=running)
    rabbit_site.marks.wait_for(running, "begun")
    jobs = [rabbit_site.submit("test.mark", name=waiting) for _ in range(20)]
    wait_until(lambda: all(rabbit_site.published(job) for job in jobs))
    rabbit_site.stack.stop("dispatcher")  # so that nothing is published again
    # Every hint but the one in use: some may have been published twice before it stopped.
    hints = sum(rabbit_site.published(job) for job in (first, *jobs))
    wait_until(lambda: rabbit_site.queued() == hints - 1)
    rabbit_site.worker("idle", concurrency="1")
    rabbit_site.marks.wait_for(waiting, "ran", 20)
    rabbit_site.marks.go(running)
    statuses = rabbit_site.settled(first, *jobs)
    assert {(item["status"], item["attempts"]) for item in statuses} == {("succeeded", 1)}
    rabbit_site.stack.stop("idle")
    again = rabbit_site.submit("test.mark", name=waiting)
    rabbit_site.stack.start("dispatcher", COUNTERSIGN_REPUBLISH_SECONDS="2")
    [status] = rabbit_site.settled(again)  # by the one that had stopped asking
    assert status["status"] == "succeeded"
    assert busy.status is None
    rabbit_site.stack.stop("busy")


def test_the_pool_of_threads(rabbit_site: RabbitSite) -> None:
    rabbit_site.worker("threads", pool="threads", concurrency="4")
    each = name("each")
    jobs = [rabbit_site.submit("test.mark", name=each) for _ in range(50)]
    statuses = rabbit_site.settled(*jobs)
    assert {(item["status"], item["attempts"]) for item in statuses} == {("succeeded", 1)}
    rabbit_site.stack.stop("threads")


def test_nothing_waits_in_the_queue_in_the_end(rabbit_site: RabbitSite) -> None:
    child = rabbit_site.worker("last")
    wait_until(lambda: rabbit_site.queued() == 0)
    assert child.status is None
    rabbit_site.stack.stop("last")
