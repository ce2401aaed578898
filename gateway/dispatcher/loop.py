"""The dispatcher's loop. Any number may run: the ledger's scripts divide the work."""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from backends.errors import BrokerUnavailable
from gateway.dispatcher.broker import Broker
from gateway.dispatcher.ledger import DispatcherLedger
from signing.errors import CountersignError
from signing.ledger.record import Hint

BATCH = 500
TEND_EVERY_S = 1.0
LONGEST_WAIT_S = 1.0
#: A job whose worker died comes back after about this, jittered, so that many do not come at once.
LOST_DELAY_MS = 1000
#: Short: a server that is back is used at once, however long it was away. Each of the connections
#: that broke may cost one more try.
MAX_BACKOFF_S = 0.5

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Dispatcher:
    """Publishes what is due, and tends what was lost, every second."""

    ledger: DispatcherLedger
    broker: Broker
    queues: tuple[str, ...]
    republish_after_ms: int
    monotonic: Callable[[], float]
    stopping: threading.Event = field(default_factory=threading.Event)
    _tend_at: float = 0.0
    #: The last batch that could not be published, or only in part.
    _unpublished: tuple[Hint, ...] = ()
    #: Whether the broker has to answer for a queue before anything more is taken.
    _away: bool = False

    def run(self) -> None:
        """Go on until `stopping` is set; whatever a server does is tried again, with backoff."""
        backoff, waits_for = 0.05, ""
        while not self.stopping.is_set():
            try:
                published = self.step()
                backoff, waits_for = 0.05, ""
                if not published:
                    self.ledger.wait_for_wake(self._wait())
            except CountersignError as error:
                if error.message != waits_for:  # said once, and not at every try
                    _log.warning("waiting for %s: %s", error.code, error.message)
                waits_for = error.message
                self.stopping.wait(backoff * random.uniform(0.5, 1.5))
                backoff = min(backoff * 2, MAX_BACKOFF_S)

    def step(self) -> int:
        """Publish one batch of what is due, tend if it is time, and give the batch's size.

        Raises:
            CountersignError: a server is away or answers wrongly. Jobs that were taken and not
                published become due again as soon as the broker answers, and nothing is taken
                before. Where this dispatcher ends meanwhile, they are missed in their queue.
        """
        if self._away or self.monotonic() >= self._tend_at:
            self._tend_at = self.monotonic() + TEND_EVERY_S
            if self.tend():
                self._tend_at = self.monotonic()
        hints = self.ledger.take_due(BATCH)
        if hints:
            self._publish(hints)
        return len(hints)

    def _publish(self, hints: tuple[Hint, ...]) -> None:
        try:
            self.broker.publish(hints)
        except BrokerUnavailable:
            self._unpublished, self._away = hints, True
            raise

    def tend(self) -> bool:
        """Bring back what was lost: leases that ended, hints that vanished, jobs that expired.

        Tells whether there is more of it than a batch: the rest does not wait for a second, or a
        wiped queue of a million would take half an hour to come back.
        """
        delay = round(LOST_DELAY_MS * random.uniform(0.5, 1.5))
        lost = self.ledger.reap(BATCH, delay)
        for reaped in lost:
            _log.warning("a worker lost job %s; it is %s now", reaped.job_id, reaped.state)
        counts = [len(lost), self.ledger.expire(BATCH), self.ledger.forget(BATCH)]
        return max(*counts, self._republish()) >= BATCH

    def _republish(self) -> int:
        """Look for missing hints in every queue, whatever is wrong with one of them.

        Raises:
            BrokerUnavailable: in the end, where the broker did not tell of a queue.
        """
        most, failed, is_answered = 0, None, False
        for queue in self.queues:
            try:
                in_queue = self.broker.length(queue)
            except BrokerUnavailable as error:
                failed = error
                continue
            is_answered = True
            self._give_back(queue, in_queue)
            count = self.ledger.republish(queue, in_queue, self.republish_after_ms, BATCH)
            if count:
                _log.warning("%d hints were missing in queue %s; published again", count, queue)
            most = max(most, count)
        self._away = failed is not None and not is_answered
        if failed is not None:
            raise failed
        return most

    def _give_back(self, queue: str, in_queue: int) -> None:
        """Make due at once what could not be published, and is not in its queue now."""
        job_ids = [hint.job_id for hint in self._unpublished if hint.queue == queue]
        if job_ids:
            # Through the ledger, which counts hints: those that did arrive would else be taken for
            # copies that somebody made.
            self.ledger.give_back(queue, in_queue, job_ids)
            self._unpublished = tuple(hint for hint in self._unpublished if hint.queue != queue)

    def _wait(self) -> float:
        if self.monotonic() >= self._tend_at:
            return 0.0
        due_in = self.ledger.next_due_in()
        return LONGEST_WAIT_S if due_in is None else min(LONGEST_WAIT_S, due_in)
