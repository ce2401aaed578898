"""Attack: messages that are not of any form; alone, all together, and very large ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.corpus import SHAPES
from tests.attacks.target import FAST, SLOW, Genuine, Target

MIB = 1024 * 1024


@pytest.mark.parametrize(("make", "reason"), [c[1:] for c in SHAPES], ids=[c[0] for c in SHAPES])
def test_it_is_refused(target: Target, make: Callable[[Genuine], bytes], reason: str) -> None:
    target.refuses(make(target.genuine), reason)


def peak_kib(pid: int) -> int:
    """The most memory that a process has had since `forget_peak`."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")


def test_all_of_it_at_once_on_both_queues_within_32_mib(target: Target) -> None:
    corpus = [make(target.genuine) for _, make, _ in SHAPES]
    pid = target.worker().pid
    with target.unharmed():
        forget_peak(pid)
        before = peak_kib(pid)
        last = b"the last of them"
        broker = target.stack.servers.redis("superuser", 1)
        for queue in (FAST, SLOW, f"{FAST}\x06\x169"):
            broker.lpush(queue, *corpus, last)
        target.wait_quarantined(last, 3)
        assert peak_kib(pid) - before < 32 * 1024


@pytest.mark.parametrize("size", [3 * MIB + 1, 20 * MIB])
def test_a_very_large_message(target: Target, size: int) -> None:
    target.refuses(b"[" * size, "message_too_large")


def test_very_large_messages_do_not_pile_up(target: Target) -> None:
    pid = target.worker().pid
    raw = b"\xff" * (20 * MIB)
    with target.unharmed():
        forget_peak(pid)
        before = peak_kib(pid)
        already = len(target.quarantined_for(raw))
        for _ in range(8):
            target.push(raw)
        target.wait_quarantined(raw, already + 8)
        assert peak_kib(pid) - before < 160 * 1024
    assert {len(item["raw"]) for item in target.stack.quarantined()} <= set(range(64 * 1024 + 1))
