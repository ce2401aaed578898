"""A worker with a fault of ours ends and says so, so that it is started again."""

from tests.servers.marks import TASKS, wait_until
from tests.workers.site import Site


def test_a_worker_that_cannot_go_on_ends_with_a_status_for_its_supervisor(site: Site) -> None:
    settings = site.marks.settings | {
        "COUNTERSIGN_TASKS": f"{TASKS},tests.workers.breaks_settling",
        "COUNTERSIGN_LEASE_SECONDS": "3",
    }
    worker = site.stack.start("worker", name="worker-broken", **settings)
    job_id = site.submit("demo.noop")
    wait_until(lambda: worker.status is not None)
    assert worker.status == 1
    assert "settlements ended: KeyError" in site.stack.log("worker-broken")
    site.worker()
    [status] = site.settled(job_id)
    assert (status["status"], status["attempts"]) == ("succeeded", 2)
