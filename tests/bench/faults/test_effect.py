"""A fault counts where something of it was seen, and only there."""

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.faults import inject as injectors
from bench.faults.__main__ import _demanding
from bench.faults.campaign import CONTROL, Campaign, without_control
from bench.faults.checker import check
from bench.faults.evidence import Scanned
from bench.faults.inject import KINDS, inject
from bench.faults.keeper import Keeper
from bench.faults.outcome import Injected, Outcome, Terms
from bench.faults.plan import Broker, Fault
from bench.faults.proxy import Proxies
from deploy.errors import StackError
from deploy.local.paths import free_ports
from deploy.local.process import Child, Program
from deploy.progress import Progress
from tests.bench.faults.story import clean_story
from tests.servers.marks import wait_until


def fault(kind: str, target: str = "worker", seconds: float = 0.0, number: int = 0) -> Fault:
    return Fault(number, kind, target, 0.0, seconds, 0.0)


def outcome(directory: Path, *injected: Injected) -> Outcome:
    faults = tuple(each.fault for each in injected)
    terms = Terms("t", 1, 9, 1.0, "redis", directory, faults)
    return Outcome(terms, injected, 9, 0, check(clean_story().evidence()))


def test_injectors_that_do_nothing_are_seen_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def nothing(*_: Any) -> Iterator[None]:
        yield

    faults = tuple(fault(kind, number=number) for number, kind in enumerate(KINDS))
    monkeypatch.setattr(injectors, "KINDS", dict.fromkeys(KINDS, nothing))
    system: Any = SimpleNamespace(directory=tmp_path)
    terms = Terms("t", 1, 9, 1.0, "redis", tmp_path, faults)
    campaign = Campaign(system, terms, Progress(as_json=True))
    for each in faults:
        campaign._inject(each)
    found = outcome(tmp_path, *campaign._injected)
    assert (found.done, found.without_effect, found.missed) == (0, len(KINDS), 0)
    lines = (tmp_path / "injected.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["note"] for line in lines} == {f"no effect: {kind}" for kind in KINDS}


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    kept = Keeper("worker", lambda _: Child(Program("worker", command, {}, tmp_path / "log")))
    kept.start()
    yield kept
    kept.end()
    kept.join(30)


@pytest.mark.parametrize(
    ("kind", "seen"), [("kill", "is gone"), ("pause", "stands still"), ("stop", "has ended")]
)
def test_what_a_process_suffers_is_seen(keeper: Keeper, kind: str, seen: str) -> None:
    system: Any = SimpleNamespace(keepers={"worker": keeper})
    with inject(system, fault(kind)) as effect:
        pass
    assert seen in effect.seen


def test_an_exit_is_noted_with_its_status(keeper: Keeper) -> None:
    keeper.send(signal.SIGKILL)
    wait_until(lambda: bool(keeper.exits), 10)
    (told,) = keeper.exits
    assert (told.part, told.status) == ("worker", -signal.SIGKILL)


def test_a_keeper_outlives_any_exception() -> None:
    again = threading.Event()

    def start(_: Any) -> Child:
        if started.failures:
            again.set()
        raise StackError("x") if again.is_set() else RuntimeError("x")

    started = Keeper("worker", start)
    started.start()
    assert again.wait(10)
    started.end()
    started.join(10)
    assert started.failures[0] == "worker: RuntimeError"


@pytest.mark.parametrize("kind", ["reset", "delay", "silence", "cut"])
def test_a_link_that_nobody_uses_suffers_nothing(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(injectors, "_SEEN_S", 0.1)
    proxies = Proxies()
    listen, target = free_ports(2)
    proxies.add("a->b", port=listen, target=target)
    system: Any = SimpleNamespace(proxies=proxies)
    with inject(system, fault(kind, "a->b")) as effect:
        pass
    with inject(system, fault("refuse", "a->b")) as refused:
        pass
    proxies.close()
    assert (effect.seen, refused.seen) == ("", "connections are refused")


def test_too_few_faults_or_jobs_fail_the_campaign(tmp_path: Path) -> None:
    faults = tuple(fault("kill", number=n) for n in range(3))
    terms = Terms("t", 1, 9, 1.0, "redis", tmp_path, faults, least_faults=3, least_jobs=10)
    seen = tuple(Injected(each, 0, 1, "", "seen") for each in faults)
    verdict = check(clean_story().evidence())
    assert Outcome(terms, seen, 10, 0, verdict).violations == ()
    idle = (*seen[:2], replace(seen[2], note="no effect: kill"))
    assert Outcome(terms, idle, 9, 0, verdict).violations == (
        "fewer than 10 jobs were accepted",
        "only 2 faults had an effect, not 3",
    )


@pytest.mark.parametrize(
    ("share", "done", "told"),
    [
        (None, 0, ()),
        (0.0, 1, ()),
        (0.0, 0, ("only 0 of 5 clock faults had an effect, not 1",)),
        (0.5, 3, ()),
        (0.5, 2, ("only 2 of 5 clock faults had an effect, not 3",)),
    ],
)
def test_a_kind_that_hardly_ever_happens_fails_the_campaign(
    tmp_path: Path, share: float | None, done: int, told: tuple[str, ...]
) -> None:
    clocks = [Injected(fault("clock", number=n), 0, 1, "", "seen") for n in range(5)]
    clocks[done:] = [replace(each, note="no effect: clock") for each in clocks[done:]]
    kills = [Injected(fault("kill", number=n), 0, 1, "", "seen") for n in range(500)]
    found = outcome(tmp_path, *kills, *clocks)
    terms = replace(found.terms, least_faults=500, least_share=share)
    assert replace(found, terms=terms).violations == told


@pytest.mark.parametrize(
    ("broker", "laid", "told"),
    [
        ("redis", 1, ()),
        ("redis", 2, ("only 0 of 2 wipe-queue faults had an effect, not 1",)),
        ("rabbitmq", 2, ()),
    ],
)
def test_a_kind_may_miss_where_it_was_laid_once_or_hardly_ever_finds_anything(
    tmp_path: Path, broker: Broker, laid: int, told: tuple[str, ...]
) -> None:
    missed = [
        Injected(fault("wipe-queue", number=n), 0, 1, "no effect: wipe-queue") for n in range(laid)
    ]
    found = outcome(tmp_path, *missed)
    terms = replace(found.terms, broker=broker, least_faults=0, least_share=0.0)
    assert replace(found, terms=terms).violations == told


@pytest.mark.parametrize("quick", [True, False])
def test_the_campaigns_that_count_ask_for_each_kind(tmp_path: Path, quick: bool) -> None:
    terms = _demanding(Terms("t", 1, 9, 1.0, "redis", tmp_path, ()), quick)
    assert terms.least_share == (0.0 if quick else 0.5)
    assert terms.least_faults > 0
    assert terms.least_jobs > 0


def test_a_fault_that_was_not_mended_fails_the_campaign(tmp_path: Path) -> None:
    well = [Injected(fault("kill", number=n), 0, 1, "", "seen") for n in range(300)]
    assert outcome(tmp_path, *well).violations == ()
    left = Injected(fault("memory", "redis"), 0, 1, "not mended: TimeoutError")
    assert outcome(tmp_path, *well, left).violations == ("memory redis: not mended: TimeoutError",)


def test_what_is_planted_for_the_search_is_no_secret() -> None:
    story = clean_story()
    story.rest["scanned"] = Scanned(2, 9, (f"file:{CONTROL} (as it is)", "file:a.log (hex)"))
    found, was_found = without_control(story.evidence())
    assert (found.scanned.hits, was_found) == (("file:a.log (hex)",), True)
    assert without_control(clean_story().evidence())[1] is False
