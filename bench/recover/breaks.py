"""What is broken, and how long until jobs go on, in seconds."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from math import inf
from typing import Final

from bench.faults.keeper import children_of
from bench.recover.site import Seen, Site
from signing.ledger import keys

LONG_S: Final = 120.0
SHORT_S: Final = 1.0
BEGIN_S: Final = 30.0


def killed_child(site: Site) -> float:
    """Kill the process that runs a job: until the ledger knows that it does not run."""
    job = _running(site, LONG_S)
    (child,) = children_of(site.parts["worker"].pid)
    os.kill(child, signal.SIGKILL)
    at = time.monotonic()
    return site.when(job, _is_handled) - at


def killed_parents(site: Site, names: list[str]) -> list[float]:
    """Kill workers that have a job each: until the ledger has taken the jobs from them.

    Every second one leaves its pool's process behind, which runs on with nobody to tell.
    """
    jobs = {_worker_of(site, job): job for job in [_running(site, LONG_S) for _ in names]}
    with ThreadPoolExecutor(len(names)) as pool:
        waiting = []
        for number, name in enumerate(names):
            child = site.parts[name]
            job = jobs[child.pid]
            os.kill(child.pid, signal.SIGKILL)
            if number % 2 == 0:
                child.kill()
            at = time.monotonic()
            waiting.append((at, pool.submit(site.when, job, _is_handled)))
        handled = [each.result() - at for at, each in waiting]
    for name in names:
        site.parts.pop(name).kill()
    return handled


def restarted_redis(site: Site, away_s: float) -> tuple[float, float]:
    """Kill Redis and start it after a while: until a job is accepted, and until it has run."""
    site.kill_redis()
    time.sleep(away_s)
    opened = site.restart_redis()
    job = site.submit("demo.noop", {})
    accepted = time.monotonic() - opened
    return accepted, site.settle(job) - opened


def silent(site: Site, link: str) -> float:
    """A link falls silent while nothing is to be done: until a job submitted then has settled."""
    _silence(site, link)
    at = time.monotonic()
    return site.settle(site.submit("demo.noop", {})) - at


def silent_busy(site: Site, link: str) -> float:
    """A link falls silent: until a job that ran then, and one submitted then, have settled."""
    running = _running(site, SHORT_S)
    ends = time.monotonic() + SHORT_S
    _silence(site, link)
    at = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(site.settle, running)
        new = pool.submit(lambda: site.settle(site.submit("demo.noop", {})))
        return max(first.result() - ends, new.result() - at)


def _silence(site: Site, link: str) -> None:
    if not site.silence(link):
        raise SystemExit(f"nothing was connected by {link}")


def _running(site: Site, seconds: float) -> str:
    job = site.submit("recover.sleep", {"seconds": seconds})
    if site.when(job, lambda seen: seen.state == "running", BEGIN_S) == inf:
        raise SystemExit("a job did not begin to run")
    return job


def _is_handled(seen: Seen) -> bool:
    return seen.state not in ("", "running") or seen.attempt > 1


def _worker_of(site: Site, job: str) -> int:
    with closing(site.client()) as client:
        name: bytes = client.hget(keys.job(job), "worker")
    return int(name.rpartition(b":")[2])
