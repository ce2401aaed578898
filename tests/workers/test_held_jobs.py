"""A worker dies over a job that says hold: it waits for a person, whose word is then done."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.local.process import Child
from tests.servers.marks import wait_until
from tests.workers.site import Site, name

ROOT = Path(__file__).parents[2]
Kill = Callable[[Site, Child, int], None]


def operate(site: Site, *arguments: str) -> Any:
    """Run `countersign jobs` as the operator does, with that role's settings alone."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "jobs", *arguments, "--json"],
        env={**site.stack.servers.environment("operator"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def held_jobs(site: Site) -> dict[str, Any]:
    return {job["id"]: job for job in operate(site, "list", "--status", "held")["jobs"]}


def kill_child(_site: Site, _worker: Child, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def kill_worker(site: Site, _worker: Child, _pid: int) -> None:
    site.stack.stop("worker-1", kill=True)


def hold(site: Site, kill: Kill) -> tuple[str, str]:
    """Have a job's process killed while it runs; give its id and its name for marks."""
    worker, what = site.worker("worker-1", lease_seconds="3", concurrency="1"), name("held")
    job_id = site.submit("test.wait_held", name=what)
    kill(site, worker, site.marks.wait_for(what, "begun")[0].pid)
    site.wait_status(job_id, "held")
    return job_id, what


@pytest.mark.parametrize("kill", [kill_child, kill_worker])
def test_a_held_job_is_seen_released_and_runs_to_its_end_once(site: Site, kill: Kill) -> None:
    job_id, what = hold(site, kill)
    shown = held_jobs(site)[job_id]
    assert (shown["status"], shown["error"]) == ("held", {"code": "worker_lost"})
    assert (shown["producer"], shown["task"], shown["attempts"]) == ("acme", "test.wait_held", 1)
    assert site.status(job_id)["error"] == {"code": "worker_lost"}
    if kill is kill_worker:
        site.worker("worker-2")
    [told] = operate(site, "release", job_id)["jobs"]
    assert (told["id"], told["done"]) == (job_id, True)
    assert [mark.attempt for mark in site.marks.wait_for(what, "begun", 2)] == [1, 2]
    site.marks.go(what)
    (status,) = site.settled(job_id)
    assert (status["status"], status["attempts"]) == ("succeeded", 2)
    assert len(site.marks.of(what, "ended")) == 1
    assert job_id not in held_jobs(site)


def test_a_held_job_is_failed_by_an_operator_and_then_replayed(site: Site) -> None:
    job_id, what = hold(site, kill_child)
    [told] = operate(site, "fail", job_id)["jobs"]
    assert (told["done"], told["status"]) == (True, "failed")
    status = site.status(job_id)
    assert (status["status"], status["error"]) == ("failed", {"code": "failed_by_operator"})
    assert (status["result"], status["sealed_result"]) == (None, None)
    listed = site.producer.call("GET", "/v1/jobs?status=failed&limit=1").json["jobs"]
    assert (listed[0]["id"], listed[0]["error"]) == (job_id, {"code": "failed_by_operator"})
    assert len(site.marks.of(what)) == 1

    site.marks.go(what)
    answer = site.producer.call("POST", f"/v1/jobs/{job_id}/replay")
    assert answer.status == 202, answer.data
    (again,) = site.settled(answer.json["id"])
    assert (again["status"], again["result"]) == ("succeeded", what)
    assert site.status(job_id) == status


def test_a_held_job_that_is_cancelled_by_an_operator_says_so(site: Site) -> None:
    job_id, _ = hold(site, kill_child)
    operate(site, "cancel", "--all-held", "--task", "test.wait_held", "--yes")
    wait_until(lambda: site.status(job_id)["status"] == "cancelled")
    assert site.status(job_id)["error"] == {"code": "cancelled_by_operator"}
