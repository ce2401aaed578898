"""One campaign with stock Celery's workers on a site, and what became of its jobs."""

import json
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from celery.exceptions import CeleryError
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from backends.environment import Environment
from backends.settings import redis_settings
from bench.faults.checker import Verdict, check
from bench.faults.controls.outcome import Counted, Noted, count
from bench.faults.controls.paired import JOBS, SPAN_S, WEIGHTS, paired_faults
from bench.faults.controls.site import Site, break_it
from bench.faults.controls.stock_app import QUEUE, TASK, VISIBILITY_S, Manner, stock_app
from bench.faults.controls.stock_evidence import stock_evidence
from bench.faults.jobs import draw
from bench.faults.keeper import Keeper
from bench.faults.sink import read_effects, read_runs
from bench.faults.system import PRODUCERS, ROOT
from bench.faults.tasks import SINK
from deploy.local.paths import HOST
from deploy.local.process import Child, Program
from deploy.local.settings import inherited_environment
from signing.times import from_rfc3339

WORKERS: Final = ("worker", "worker-2")
#: Until all has ended, or nothing has for longer than a message may stay unacknowledged.
DRAIN_S: Final = 40.0
STALL_S: Final = VISIBILITY_S + 6.0
#: The first jobs show that all parts are at work.
WARM: Final = 8
WARM_S: Final = 20.0
_UNACKED: Final = "unacked"


@dataclass(frozen=True, slots=True)
class StockRun:
    """What came of a campaign.

    Attributes:
        faults: those that had an effect.
    """

    counted: Counted
    verdict: Verdict
    faults: int


def run_stock(site: Site, manner: Manner, seed: int) -> StockRun:
    """Run the paired campaign with stock Celery."""
    site.begin({})
    system = site.system
    for name in WORKERS:
        system.keepers[name] = Keeper(name, partial(_start, site, manner, name))
        system.keepers[name].start()
    try:
        for name in WORKERS:
            system.children(name, wait_s=30.0)
        accepted: dict[str, str] = {}
        with _sending(site, manner, seed, accepted):
            done = break_it(system, paired_faults(seed), threading.Event())
        with system.redis_superuser(1) as broker, system.redis_superuser(0) as results:
            _drain(site, accepted, broker)
            kept = dict(_successes(results, accepted))
            held = set(_held_by_broker(broker))
    finally:
        site.end_roles(WORKERS)
    evidence = stock_evidence(
        accepted,
        frozenset(kept),
        read_runs(system.sink).runs,
        tuple(read_effects(system.sink)),
    )
    counted = count(accepted, noted(system.sink), kept, held_by_broker=held)
    return StockRun(counted, check(evidence), done)


def noted(sink: Path) -> Iterator[Noted]:
    """Read the sink's log of runs; lines of writers that were killed are left out."""
    path = sink / "runs.log"
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        yield Noted(told["event"], told["job"], from_rfc3339(told["at"]))


def _environment(site: Site, name: str | None) -> dict[str, str]:
    """The superuser's settings: stock Celery wants to be allowed everything; by proxies."""
    system = site.system
    values = system.environment("superuser")
    for setting, to, database in (
        ("COUNTERSIGN_REDIS_LEDGER_URL", "ledger", 0),
        ("COUNTERSIGN_BROKER_URL", "broker", 1),
    ):
        port = system.ports.redis if name is None else system.proxies[f"{name}->{to}"].port
        values[setting] = f"rediss://superuser@{HOST}:{port}/{database}"
    return values


def _start(site: Site, manner: Manner, name: str, extra: Mapping[str, str]) -> Child:
    system = site.system
    command = (sys.executable, "-m", "bench.faults.controls.stock_app", manner)
    own = {SINK: str(system.sink), "PYTHONPATH": str(ROOT)}
    environment = {**inherited_environment(), **_environment(site, name), **own, **extra}
    return Child(Program(name, command, environment, system.paths.log(name)))


@contextmanager
def _sending(site: Site, manner: Manner, seed: int, accepted: dict[str, str]) -> Iterator[None]:
    """Send the same jobs as Countersign is given; one counts where the client said nothing bad.

    `accepted` takes the references by the ids.
    """
    env = Environment(_environment(site, None))
    app = stock_app(
        redis_settings(env, "COUNTERSIGN_BROKER_URL"),
        redis_settings(env, "COUNTERSIGN_REDIS_LEDGER_URL"),
        manner,
    )
    _warm(site, app, accepted)
    thread = threading.Thread(target=_send, args=(app, seed, accepted), daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        app.close()


def _warm(site: Site, app: Any, accepted: dict[str, str]) -> None:
    for number in range(WARM):
        ref = f"warm-{number}"
        accepted[app.send_task(TASK, kwargs={"ref": ref, "seconds": 0}).id] = ref
    deadline, pause = time.monotonic() + WARM_S, threading.Event()
    while _ended(site) < WARM and time.monotonic() < deadline:
        pause.wait(0.1)


def _ended(site: Site) -> int:
    return len({line.job for line in noted(site.system.sink) if line.event == "end"})


def _send(app: Any, seed: int, accepted: dict[str, str]) -> None:
    begun, pause = time.monotonic(), threading.Event()
    for number, job in enumerate(draw(seed, len(PRODUCERS), WEIGHTS)):
        if len(accepted) >= JOBS + WARM or number >= 2 * JOBS:
            return
        pause.wait(max(0.0, begun + number * SPAN_S / JOBS - time.monotonic()))
        seconds = job.body["args"].get("seconds", 0.0)
        try:
            sent = app.send_task(TASK, kwargs={"ref": job.ref, "seconds": seconds})
        except (CeleryError, KombuError, RedisError, OSError):
            continue  # refused or unknown: nothing was promised
        accepted[sent.id] = job.ref


def _drain(site: Site, accepted: Collection[str], broker: Any) -> None:
    begun = changed = time.monotonic()
    before, pause = -1, threading.Event()
    while time.monotonic() < min(begun + DRAIN_S, changed + STALL_S):
        ended = _ended(site)
        if ended >= len(accepted) and not broker.hlen(_UNACKED):
            return
        if ended != before:
            before, changed = ended, time.monotonic()
        pause.wait(0.2)


def _successes(results: Any, accepted: Collection[str]) -> Iterator[tuple[str, int]]:
    for job in accepted:
        kept = results.get(f"celery-task-meta-{job}")
        told = json.loads(kept) if kept else {}
        if told.get("status") == "SUCCESS":
            yield job, from_rfc3339(told["date_done"].split("+")[0] + "Z")


def _held_by_broker(broker: Any) -> Iterator[str]:
    for entry in broker.hvals(_UNACKED):
        yield json.loads(entry)[0]["headers"]["id"]
    for key in broker.scan_iter(f"{QUEUE}*"):
        if broker.type(key) == b"list":
            for message in broker.lrange(key, 0, -1):
                yield json.loads(message)["headers"]["id"]
