"""The worker's composition inside of the test's process, where its parts can be looked at."""

import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from celery import bootsteps
from celery.worker import state

from backends.errors import VaultUnavailable
from backends.refreshed import Refreshed
from backends.settings import environment_of
from signing.catalog import dump_catalog
from signing.keyring import Keyring
from tests.servers.marks import wait_until
from tests.workers.builders import KEYRING, claimed, sealed_job
from tests.workers.pipeline_fakes import Setting
from tests.workers.site import Site
from tests.workers.test_verify import message
from workers import main
from workers.catalog import build_catalog, load_tasks
from workers.child import Runtime, install, run_in_pool
from workers.consumer import Handover, VerifyingConsumer, finish_writes, forget_unwritten
from workers.main import Gate, work
from workers.settings import WorkerSettings, worker_settings
from workers.types import Delivered


@pytest.fixture
def settings(site: Site, tmp_path: Path) -> WorkerSettings:
    registry = load_tasks(["examples.tasks"])
    samples = {name: item for name, item in registry.items() if not name.startswith("test.")}
    catalog = tmp_path / "catalog.json"
    catalog.write_bytes(dump_catalog(build_catalog(samples)))
    changes = {
        "COUNTERSIGN_CATALOG": str(catalog),
        "COUNTERSIGN_QUEUES": "fast,slow",
        "COUNTERSIGN_POOL": "threads",
    }
    return worker_settings(environment_of(site.stack.servers.environment("worker") | changes))


class Running:
    """A worker in a thread."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.status: list[int] = []
        self._thread = threading.Thread(target=lambda: self.status.append(work(settings)))
        self._thread.start()

    def stop(self) -> None:
        state.should_stop = 0
        self._thread.join(30)
        state.should_stop = None


@pytest.fixture
def running(settings: WorkerSettings) -> Iterator[Running]:
    made = Running(settings)
    yield made
    made.stop()


@pytest.mark.filterwarnings("ignore:You're running the worker")
def test_jobs_run_and_the_connection_may_be_lost(site: Site, running: Running) -> None:
    statuses = site.settled(
        site.submit("demo.echo", value=[1, "x"]),
        site.submit("demo.fail"),
        site.submit("payments.refund", invoice="INV-1", amount=1, card_token="tok_" + "Ab12" * 6),
    )
    assert [item["status"] for item in statuses] == ["succeeded", "failed", "succeeded"]
    superuser: Any = site.stack.servers.redis("superuser", 1)
    superuser.lpush("fast", b"junk")
    wait_until(lambda: any(item["raw"] == b"junk" for item in site.stack.quarantined()))
    before = {item["id"] for item in superuser.client_list() if item["user"] == "worker"}
    for each in before:
        superuser.client_kill_filter(_id=each)
    (again,) = site.settled(site.submit("demo.echo", value=2))
    assert again["result"] == 2
    running.stop()
    assert running.status == [0]


def gate(settings: WorkerSettings, keyring: object) -> tuple[Gate, Setting]:
    setting = Setting()
    return Gate(cast("Refreshed[Keyring]", keyring), setting.pipeline, settings), setting


def test_the_gate_verifies_and_quarantines(settings: WorkerSettings) -> None:
    made, setting = gate(settings, SimpleNamespace(current=lambda: KEYRING))
    good = made.inspect(Delivered("fast", message(sealed_job(audience="countersign"))))
    assert good is not None
    assert made.inspect(Delivered("fast", b"x")) is None
    setting.pipeline.start(setting.pool.append)
    wait_until(lambda: len(setting.ledger.quarantined) == 1)
    setting.pipeline.stop()
    assert setting.ledger.quarantined[0].reason == "message_malformed"


def test_without_a_keyring_a_hint_is_let_go(
    settings: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    def current() -> Keyring:
        raise VaultUnavailable("what is known of the keyring is too old")

    made, setting = gate(settings, SimpleNamespace(current=current))
    assert made.inspect(Delivered("fast", message(sealed_job()))) is None
    setting.pipeline.stop()
    assert setting.ledger.quarantined == []
    assert "a message was let go" in caplog.text


def test_a_keyring_that_could_not_be_refreshed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    main._not_refreshed("the keyring", VaultUnavailable("away"))
    assert "the keyring could not be refreshed: away" in caplog.text


def test_what_a_pool_runs_has_celerys_form() -> None:
    class Nothing:
        def read(self, mount: str, path: str, version: int) -> dict[str, Any]:
            raise AssertionError

    registry = load_tasks(["examples.tasks"])
    install(Runtime(registry, Nothing()))
    failed, outcome, seconds = run_in_pool(claimed(task="demo.echo", args={"value": 7}))
    assert (failed, outcome.kind, outcome.result, seconds) == (0, "succeeded", 7, None)


class Job:
    def __init__(self, writer: object, child: object) -> None:
        self._write_to = child
        self._writer = None if writer is None else lambda: writer


@pytest.mark.parametrize("alive", [True, False])
def test_what_a_pool_is_writing_is_finished(alive: bool) -> None:
    child = SimpleNamespace(_is_alive=lambda: alive)
    flushed: list[object] = []
    jobs = [Job("active", child), Job("done", child), Job("active", None)]
    processes = SimpleNamespace(
        _cache=dict(enumerate(jobs)),
        _active_writers={"active"},
        _flush_writer=lambda of, writer: flushed.append((of, writer)),
    )
    finish_writes(SimpleNamespace(_pool=processes))
    assert flushed == ([(child, "active")] if alive else [])


def test_a_pool_of_threads_writes_nothing() -> None:
    finish_writes(SimpleNamespace())


@pytest.mark.parametrize("stopping", [True, False])
def test_only_a_worker_that_stops_lets_its_jobs_go(stopping: bool) -> None:
    calls: list[str] = []
    consumer = VerifyingConsumer.__new__(VerifyingConsumer)
    consumer.pool = None
    consumer.pipeline = cast(Any, SimpleNamespace(close=lambda: calls.append("closed")))
    semaphore = SimpleNamespace(clear=lambda: calls.append("waiting ones let go"))
    at = bootsteps.CLOSE if stopping else bootsteps.RUN
    consumer.controller = SimpleNamespace(blueprint=SimpleNamespace(state=at), semaphore=semaphore)
    consumer.on_close()
    assert calls == (["closed", "waiting ones let go"] if stopping else [])


def test_a_pool_of_threads_has_no_semaphore() -> None:
    consumer = VerifyingConsumer.__new__(VerifyingConsumer)
    consumer.pool = None
    consumer.pipeline = cast(Any, SimpleNamespace(close=lambda: None))
    consumer.controller = SimpleNamespace(
        blueprint=SimpleNamespace(state=bootsteps.CLOSE), semaphore=None
    )
    consumer.on_close()


def test_a_pool_that_stops_forgets_only_what_no_child_was_given() -> None:
    forgotten: list[str] = []

    def job(name: str, *, accepted: bool, child: object) -> SimpleNamespace:
        return SimpleNamespace(
            _accepted=accepted, _write_to=child, discard=lambda: forgotten.append(name)
        )

    jobs = [
        job("runs", accepted=True, child=object()),
        job("written", accepted=False, child=object()),
        job("waits", accepted=False, child=None),
    ]
    processes = SimpleNamespace(_cache=dict(enumerate(jobs)), outbound_buffer=deque(jobs[2:]))
    forget_unwritten(SimpleNamespace(_pool=processes))
    assert forgotten == ["waits"]
    assert not processes.outbound_buffer


def test_a_handover_wakes_the_loop_once_for_many_and_blocks_nobody() -> None:
    taken: list[Any] = []
    started: list[Any] = []
    readers: dict[int, Any] = {}
    consumer = SimpleNamespace(
        run_claimed=taken.append,
        pipeline=SimpleNamespace(start=started.append),
        pool=SimpleNamespace(maintain_pool=lambda: None),
    )
    handover = Handover(cast(VerifyingConsumer, consumer))
    hub = SimpleNamespace(
        add_reader=lambda fd, call: readers.update({fd: call}),
        call_repeatedly=lambda *_: None,
    )
    handover.register_with_event_loop(None, hub)
    ((_, wake),) = readers.items()
    jobs = [claimed(attempt=n + 1) for n in range(70_000)]  # more than a pipe holds
    for job in jobs:
        started[0](job)
    wake()
    assert taken == jobs
    wake()
    wake()
    handover.put(jobs[0])
    wake()
    assert len(taken) == len(jobs) + 1
