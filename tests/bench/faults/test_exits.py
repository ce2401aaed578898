"""An end of a process that no fault explains fails the campaign; and an end is noted with why."""

import signal
import sys
from pathlib import Path

import pytest

from bench.faults.exits import (
    POOL_LOST,
    REFUSALS,
    UNREADABLE,
    concerns,
    explains,
    unexplained,
)
from bench.faults.keeper import Exit, Keeper, last_words
from bench.faults.outcome import NOT_INJECTED, Injected
from bench.faults.plan import Fault
from deploy.local.process import Child, Program
from tests.servers.marks import wait_until

LEDGER_AWAY = "countersign: the ledger's Redis does not serve: ConnectionError"
LEDGER_LATE = "countersign: the ledger's Redis does not serve: TimeoutError"
VAULT_AWAY = "countersign: Vault does not serve: ConnectionError; start it"
NO_CERTIFICATE = f"countersign: COUNTERSIGN_TLS_CERT {UNREADABLE}: correct it"
NO_CATALOG = f"countersign: COUNTERSIGN_CATALOG {UNREADABLE}: correct it"


def fault(kind: str, target: str = "worker") -> Fault:
    return Fault(0, kind, target, 0.0, 0.0, 0.0)


def test_an_end_is_explained_while_the_fault_goes_on_and_a_little_after() -> None:
    done = Injected(fault("kill"), 5.0, 6.0, "", "seen")
    exits = [Exit("worker", 100.0 + at, -signal.SIGKILL) for at in (4.0, 5.5, 15.0, 17.0)]
    assert unexplained(exits, [done], 100.0) == (
        "worker ended with status -9 at 4 s, by no fault",
        "worker ended with status -9 at 17 s, by no fault",
    )


def test_an_end_with_status_0_is_judged() -> None:
    exits = [Exit(part, 140.0, 0) for part in ("worker", "gateway", "redis")]
    done = [Injected(fault("stop"), 35.0, 36.0, "", "x")]
    assert unexplained(exits, done, 100.0) == (
        "gateway ended with status 0 at 40 s, by no fault",
        "redis ended with status 0 at 40 s, by no fault",
    )


def test_a_kill_that_was_not_done_explains_nothing() -> None:
    for note, told in (("", 0), (f"{NOT_INJECTED}: NotThere", 1)):
        done = Injected(fault("kill"), 5.0, 6.0, note, "")
        assert len(unexplained([Exit("worker", 5.5, -signal.SIGKILL)], [done], 0.0)) == told


def test_what_serves_ends_with_a_status_and_not_by_the_signal() -> None:
    for lived_s, may in ((3.0, True), (60.0, False)):
        end = Exit("gateway", 0.0, -signal.SIGTERM, "", lived_s)
        assert explains(end, [fault("stop", "gateway")]) is may


def test_what_is_asked_to_stop_may_take_longer() -> None:
    asked = Injected(fault("rotate-certificates", "everything"), 5.0, 6.0, "", "x")
    exits = [Exit("worker", at, 0) for at in (25.0, 27.0)]
    assert unexplained(exits, [asked], 0.0) == ("worker ended with status 0 at 27 s, by no fault",)


@pytest.mark.parametrize(
    ("status", "kind", "target", "may"),
    [
        (0, "stop", "worker", True),
        (0, "rotate-certificates", "everything", True),
        (0, "stop", "worker-2", False),
        (0, "kill", "worker", False),
        (0, "kill", "redis", False),
        (0, "clock", "worker", False),
        (-signal.SIGTERM, "stop", "worker", True),
        (-signal.SIGTERM, "kill", "worker", False),
        (-signal.SIGKILL, "kill", "worker", True),
        (-signal.SIGKILL, "clock", "worker", True),
        (-signal.SIGKILL, "stop", "worker", False),
        (-signal.SIGKILL, "kill", "worker child", False),
        (-signal.SIGKILL, "kill", "redis", False),
        (-signal.SIGABRT, "kill", "worker", False),
        (-signal.SIGSEGV, "rotate-certificates", "everything", False),
        (-signal.SIGXFSZ, "kill", "worker", False),
    ],
)
def test_a_role_ends_by_a_signal_that_a_fault_sent_to_it(
    status: int, kind: str, target: str, may: bool
) -> None:
    assert explains(Exit("worker", 0.0, status), [fault(kind, target)]) is may


@pytest.mark.parametrize(
    ("words", "kind", "target", "may"),
    [
        (LEDGER_AWAY, "kill", "redis", True),
        (LEDGER_AWAY, "silence", "worker->ledger", True),
        (LEDGER_AWAY, "rotate-certificates", "everything", True),
        (LEDGER_AWAY, "silence", "worker-2->ledger", False),
        (LEDGER_AWAY, "forget-scripts", "redis", False),
        (LEDGER_AWAY, "wipe-broker", "broker", False),
        (LEDGER_AWAY, "kill", "vault", False),
        (LEDGER_AWAY, "kill", "worker", False),
        (LEDGER_AWAY, "clock", "worker", False),
        (LEDGER_LATE, "clock", "worker", True),
        (LEDGER_LATE, "clock", "worker-2", False),
        (LEDGER_LATE, "kill", "worker", False),
        (VAULT_AWAY, "disk", "vault", True),
        (VAULT_AWAY, "cut", "worker->vault", True),
        (VAULT_AWAY, "kill", "redis", False),
        ("countersign: Vault refuses this role's credentials", "kill", "vault", False),
        (f'{{"level": "critical", "message": "{POOL_LOST}"}}', "kill", "worker child", True),
        (f'{{"level": "critical", "message": "{POOL_LOST}"}}', "kill", "worker-2 child", False),
        (f'{{"level": "critical", "message": "{POOL_LOST}"}}', "kill", "redis", False),
        (NO_CERTIFICATE, "rotate-certificates", "everything", True),
        (NO_CERTIFICATE, "kill", "redis", False),
        (NO_CATALOG, "rotate-certificates", "everything", False),
        ("KeyError: 'x'", "kill", "redis", False),
        ("", "kill", "redis", False),
        ("", "kill", "worker", False),
    ],
)
def test_a_role_that_fails_says_why_and_a_fault_is_on_what_it_names(
    words: str, kind: str, target: str, may: bool
) -> None:
    assert explains(Exit("worker", 0.0, 1, words), [fault(kind, target)]) is may


def test_without_a_fault_no_words_explain_a_failure() -> None:
    assert explains(Exit("worker", 0.0, 1, LEDGER_AWAY), []) is False


@pytest.mark.parametrize(
    ("kind", "target", "server", "may"),
    [
        ("wipe-broker", "broker", "broker", True),
        ("kill", "rabbitmq", "broker", True),
        ("kill", "rabbitmq", "ledger", False),
        ("silence", "worker->broker", "broker", True),
        ("silence", "client->gateway", "vault", False),
    ],
)
def test_a_fault_concerns_the_server_that_it_is_done_to(
    kind: str, target: str, server: str, may: bool
) -> None:
    assert concerns(fault(kind, target), "worker", server) is may


@pytest.mark.parametrize(
    ("kind", "target", "part", "may"),
    [
        ("kill", "redis", "redis", True),
        ("disk", "vault", "vault", True),
        ("rotate-certificates", "everything", "vault", True),
        ("wipe-broker", "broker", "rabbitmq", True),
        ("wipe-broker", "broker", "epmd", True),
        ("wipe-broker", "broker", "redis", False),
        ("kill", "gateway", "redis", False),
        ("silence", "worker->ledger", "redis", False),
        ("disk", "vault", "redis", False),
        ("forget-scripts", "redis", "redis", False),
    ],
)
def test_a_server_ends_by_a_fault_of_its_own(kind: str, target: str, part: str, may: bool) -> None:
    assert explains(Exit(part, 0.0, 1), [fault(kind, target)]) is may
    assert explains(Exit(part, 0.0, 0), [fault(kind, target)]) is may


def test_no_fault_explains_a_servers_crash() -> None:
    assert explains(Exit("redis", 0.0, -signal.SIGSEGV), [fault("kill", "redis")]) is False


def test_every_refusal_is_what_the_code_says() -> None:
    root = Path(__file__).parents[3]
    code = "".join(
        path.read_text("utf-8")
        for package in ("backends", "gateway", "workers")
        for path in (root / package).rglob("*.py")
    )
    said = [words.removeprefix("countersign: ") for words in (*REFUSALS, UNREADABLE)]
    assert [words for words in said if words not in code] == []


def test_a_keeper_notes_what_a_process_said_last(tmp_path: Path) -> None:
    said = f"import sys; print({LEDGER_AWAY!r}); print('what another wrote'); sys.exit(1)"
    command = [sys.executable, "-c", said]
    keeper = Keeper("worker", lambda _: Child(Program("worker", command, {}, tmp_path / "log")))
    keeper.start()
    wait_until(lambda: bool(keeper.exits), 20)
    keeper.end()
    keeper.join(30)
    assert (keeper.exits[0].status, keeper.exits[0].words) == (1, LEDGER_AWAY)


def test_last_words_are_those_of_the_last_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"{LEDGER_AWAY}\n", "utf-8")
    words, read = last_words(log, 0)
    assert words == LEDGER_AWAY
    assert last_words(log, read) == ("", read)
    critical = '{"level": "critical", "logger": "root"}'
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{critical}\nsomething else\n")
    words, read = last_words(log, read)
    assert words == critical
    with log.open("a", encoding="utf-8") as file:
        file.write("one\ntwo\n")
    assert last_words(log, read)[0] == "two"
    assert last_words(tmp_path / "none", 3) == ("", 3)
