"""Redis started from an image of the disk, mended before as at each start."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from backends.redis_clients import connect
from bench.power.image import TAILS, Image, Tail
from bench.power.load import Promise, Told
from bench.power.promises import Broken, Ledger, broken_promises
from bench.power.run import Recording, ledger_settings, redis_of, serving, superuser
from bench.stack import BenchStack
from deploy.local.process import Child
from deploy.local.redis_server import APPEND_ONLY, mend_append_only
from deploy.local.sample import KEY_ID, NAME
from gateway.dispatcher.ledger import RedisDispatcherLedger
from workers.ledger import WorkerLedger

LEASE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one image was found to hold.

    Attributes:
        mended: there was a torn write to cut off.
        unsynced: bytes that had been written and were not durable at that moment.
    """

    at: float
    tail: Tail
    mended: bool
    accepted: int
    told: int
    unsynced: int
    rewriting: bool
    broken: list[Broken]

    @property
    def jobs_broken(self) -> int:
        """How many jobs of those accepted."""
        return len({item.job for item in self.broken})


def judge(stack: BenchStack, recording: Recording, image: Image, seed: int) -> Verdict:
    """Start Redis from the image and hold it to every promise made before the cut.

    Raises:
        StackError: where it does not start even when it was mended.
    """
    at = image.cut.at
    promises = [item for item in recording.journal.promises if item.at <= at]
    told = [item for item in recording.journal.told if item.at <= at]
    # What is written from here on need not last.
    with restored(stack, recording, image, seed, fsync="no") as mended:
        broken = _broken(stack, promises, told)
    bases = [name for name in image.cut.written if ".base." in name]
    return Verdict(
        at=at,
        tail=image.tail,
        mended=mended,
        accepted=len(promises),
        told=len(told),
        unsynced=image.cut.unsynced,
        rewriting=len(bases) != 1 or set(image.cut.written) != set(image.cut.durable),
        broken=broken,
    )


def _broken(stack: BenchStack, promises: list[Promise], told: list[Told]) -> list[Broken]:
    dispatcher = ledger_settings(stack, "dispatcher")
    worker = connect(ledger_settings(stack, "worker"))
    with superuser(stack) as client:
        ledger = Ledger(
            superuser=client,
            dispatcher=RedisDispatcherLedger(connect(dispatcher), connect(dispatcher)),
            worker=WorkerLedger(worker, "power", LEASE_MS),
            keyid=KEY_ID,
            producer=NAME,
        )
        try:
            return broken_promises(ledger, promises, told)
        finally:
            ledger.dispatcher.close()
            worker.close()


@contextmanager
def restored(
    stack: BenchStack, recording: Recording, image: Image, seed: int, *, fsync: str = "always"
) -> Iterator[bool]:
    """Run Redis from the image, on the stack's own port; gives whether it had to be mended."""
    directory = stack.paths.state / "restored"
    options = ("--dir", str(directory), "--appendfsync", fsync)
    child: Child | None = None
    try:
        image.write(recording.kept, directory / APPEND_ONLY, Random(seed))
        mended = mend_append_only(directory / APPEND_ONLY)
        child = serving(stack, redis_of(stack, *options, log="restored"))
        yield mended
    finally:
        if child is not None:
            child.kill()
        shutil.rmtree(directory, ignore_errors=True)


def images(recording: Recording, moments: list[float]) -> Iterator[Image]:
    """For each moment the strict cut, and one of the others in turn."""
    others = [tail for tail in TAILS if tail != "strict"]
    disk = recording.disk()
    for number, cut in enumerate(disk.cuts(recording.calls, moments)):
        yield Image(cut, "strict")
        yield Image(cut, others[number % len(others)])
