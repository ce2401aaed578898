"""Random walks over the ledger's states: every step is one script, and every rule is looked at."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from signing.ledger.record import Acceptance, Accepted
from tests.ledger.actors import Actors, pass_by
from tests.ledger.choices import (
    LIMITS,
    SETTLING,
    STUCK_MS,
    STUCK_ROUNDS,
    leases,
    lives,
    picks,
    waits,
)
from tests.ledger.jobs import HOUR_MS, QUEUE, acceptance, nonce
from tests.ledger.model import ProducersModel
from tests.ledger.snapshot import LedgerBroken, Snapshot, broken_changes, broken_rules

T = TypeVar("T")


class LedgerMachine(RuleBasedStateMachine):
    """The broker is a list here: what it holds are hints, and it may lose or repeat any."""

    def __init__(self, actors: Actors) -> None:
        super().__init__()
        self.actors = actors
        self.actors.empty()
        self.known: list[str] = []
        self.ids: list[str] = []
        self.broker: deque[str] = deque()
        self.tokens: list[tuple[str, int]] = []
        self.sent: Acceptance | None = None
        self.model = ProducersModel(LIMITS)
        self.broken = False
        self.held = self.before = self._look()

    @rule(
        producer=st.sampled_from([*LIMITS, "acme"]),
        key=st.sampled_from([None, None, None, "k-1", "k-2"]),
        digest=st.sampled_from(["sha-256:a", "sha-256:b"]),
        on_lost=st.sampled_from(["rerun", "hold"]),
        wait=waits,
        life=lives,
        secret=st.booleans(),
        attempts=st.integers(1, 3),
    )
    def accept(
        self,
        producer: str,
        key: str | None,
        digest: str,
        on_lost: str,
        wait: int,
        life: int,
        secret: bool,
        attempts: int,
    ) -> None:
        now = self.actors.now()
        job = acceptance(
            now,
            producer=producer,
            idempotency_key=key,
            body_digest=digest,
            on_lost=on_lost,
            not_before=now + wait,
            expires_at=now + life,
            has_secret=secret,
            max_attempts=attempts,
            limits=LIMITS[producer],
        )
        self._accept(job)

    @rule(digest=st.sampled_from(["sha-256:a", "sha-256:b"]), new_nonce=st.booleans())
    def repeat(self, digest: str, new_nonce: bool) -> None:
        """Send a request twice, with the same nonce or only with the same idempotency key."""
        first = self.sent or acceptance(
            self.actors.now(), idempotency_key="k-3", body_digest="sha-256:a"
        )
        if self.sent is None:
            self._accept(first)
        job = acceptance(
            self.actors.now(),
            nonce=nonce() if new_nonce else first.nonce,
            idempotency_key=first.idempotency_key,
            body_digest=digest,
        )
        self._accept(job)

    def _accept(self, job: Acceptance) -> None:
        self.known.append(job.job_id)
        reply = self._step(["accept"], lambda: self.actors.accept(job))
        self._accepted(job, reply)

    def _accepted(self, job: Acceptance, reply: Accepted) -> None:
        now = (self.before.now, self.held.now)
        self._hold(not (said := self.model.wrong(job, reply, self.before, now)), said)
        made = job.job_id in self.held.jobs
        self._hold(made == (reply.outcome == "accepted"), f"{reply.outcome}, made: {made}")
        if not made:
            self.known.remove(job.job_id)
        else:
            self.ids.append(job.job_id)
            if job.producer == "acme" and job.idempotency_key is not None:
                self.sent = job
        accepted = self.held.count(job.job_id, "accepted") if made else 0
        self.model.note(job, reply, accepted)

    @rule(
        producer=st.sampled_from([*LIMITS]),
        on_lost=st.sampled_from(["rerun", "hold"]),
        life=lives,
        attempts=st.integers(1, 3),
        lease=leases,
    )
    def start_a_job(
        self, producer: str, on_lost: str, life: int, attempts: int, lease: int
    ) -> None:
        """Go the usual way as far as a running job, so that walks get on."""
        self.accept(producer, None, "sha-256:a", on_lost, 0, life, True, attempts)
        self.publish(delivered=True, most=4)
        self.deliver(lease, pop=True, worker="a")

    @rule(
        on_lost=st.sampled_from(["rerun", "hold"]),
        attempts=st.integers(1, 2),
        over=st.booleans(),
        told=st.booleans(),
    )
    def lose_a_job(self, on_lost: str, attempts: int, over: bool, told: bool) -> None:
        """Let a worker, or its process, die; or the job expire while it runs, and the worker die.

        Of a process the worker itself tells.
        """
        self.start_a_job("acme", on_lost, HOUR_MS, attempts, HOUR_MS if told else 3)
        running = self._tokens_of_running()
        if over and running:
            self._run_out(running[-1][0])
            self.expire(most=4)
        if told and running:
            self._settle(*running[-1], "lost", 0)
        self.wait("running")
        self.reap(0, most=4)

    @rule(count=st.integers(2, 5), producer=st.sampled_from(["rated", "rated", "small"]))
    def burst(self, count: int, producer: str) -> None:
        """Many jobs at once, up to the limits and above."""
        for _ in range(count):
            self.accept(producer, None, "sha-256:a", "rerun", 0, HOUR_MS, False, attempts=2)

    @rule(pick=picks, wait=waits, lease=leases, kind=st.sampled_from([*SETTLING]))
    def run_again(self, pick: int, wait: int, lease: int, kind: str) -> None:
        """Retry a job, claim it by a hint that came twice; then who had it comes back."""
        self.start_a_job("acme", "rerun", HOUR_MS, 3, HOUR_MS)
        if running := [token for token in self.tokens if self._is_current(*token)]:
            job, attempt = self._pick(running, pick)
            self._settle(job, attempt, "retry", wait)
            self._claim(job, "b", lease)
            self._renew([(job, attempt)], HOUR_MS)
            self._settle(job, attempt, kind, 0)

    @rule(delivered=st.booleans(), most=st.integers(1, 4))
    def publish(self, delivered: bool, most: int) -> None:
        """Take what is due; where the broker does not answer, the hints are gone."""
        hints = self._step(["publish"], lambda: self.actors.take_due(most))
        for hint in hints:
            old = self.before.jobs[hint.job_id]
            self._hold(old["state"] == "queued", "a hint of a job that does not wait")
            self._hold(int(old["due"]) <= self.held.now, "published before it was due")
            self._hold(int(old["expires"]) > self.before.now, "published after it expired")
            self._hold(
                (hint.task, hint.queue, hint.seal) == ("sample.task", QUEUE, b"{}"), "another hint"
            )
        ready = {job for job, at in self.before.due.items() if at <= self.before.now}
        left = len(ready & set(self.held.due))
        self._hold(left == 0 or len(ready) - left >= most, "due and not taken")
        if delivered:
            self.broker.extend(hint.job_id for hint in hints)

    @rule(age=st.sampled_from([0, 0, HOUR_MS]), most=st.integers(1, 4))
    def republish(self, age: int, most: int) -> None:
        waiting, in_queue = self.held.published[QUEUE], len(self.broker)
        count = self._step(["republish"], lambda: self.actors.republish(QUEUE, in_queue, age, most))
        old = [job for job, at in waiting.items() if at <= self.before.now - age]
        missing = max(0, len(waiting) - in_queue)
        self._hold(count <= min(missing, most), "published again though the queue holds it")
        self._hold(count >= min(missing, most, len(old)), "missing and not published again")
        moved = set(self.held.due) - set(self.before.due)
        self._hold(len(moved) == count, f"{count} said and {len(moved)} moved")

    @rule(lease=leases, pop=st.sampled_from([True, True, False]), worker=st.sampled_from("ab"))
    def deliver(self, lease: int, pop: bool, worker: str) -> None:
        """A worker takes a hint; where it is not popped, it comes a second time."""
        if self.broker:
            job = self.broker.popleft() if pop else self.broker[0]
            self._claim(job, worker, lease)

    @rule(pick=picks, lease=leases)
    def claim_without_a_hint(self, pick: int, lease: int) -> None:
        if self.ids:
            self._claim(self._pick(self.ids, pick), "c", lease)

    @rule(picked=st.lists(picks, min_size=1, max_size=3), lease=leases)
    def renew(self, picked: list[int], lease: int) -> None:
        if not self.tokens:
            return
        tokens = self._tokens_of_running() or self.tokens
        self._renew([self._pick(tokens, pick) for pick in picked], lease)

    def _renew(self, held: list[tuple[str, int]], lease: int) -> None:
        renewed = self._step(["renew"], lambda: self.actors.renew(held, lease))
        self._hold(renewed == [self._is_current(*each) for each in held], "who holds the lease")
        ours = {job for (job, _), is_ours in zip(held, renewed, strict=True) if is_ours}
        for job, deadline in self.held.running.items():
            if job in ours:
                since = deadline - lease
                self._hold(self.before.now <= since <= self.held.now, "another lease")
            else:
                self._hold(deadline == self.before.running[job], "a foreign lease was changed")

    @rule(pick=picks, kind=st.sampled_from([*SETTLING, "lost", "retry"]), wait=waits)
    def settle(self, pick: int, kind: str, wait: int) -> None:
        if self.tokens:
            self._settle(*self._pick(self.tokens, pick), kind, wait)

    @rule(pick=picks, kind=st.sampled_from([*SETTLING]), wait=waits)
    def settle_what_runs(self, pick: int, kind: str, wait: int) -> None:
        if running := [token for token in self.tokens if self._is_current(*token)]:
            self._settle(*self._pick(running, pick), kind, wait)

    @rule(wait=st.sampled_from([0, 4]), most=st.integers(1, 4))
    def reap(self, wait: int, most: int) -> None:
        reaped = self._step(["lose"], lambda: self.actors.reap(wait, most))
        for job, state in reaped.items():
            self._hold(self.before.running[job] <= self.held.now, "reaped under its lease")
            self._hold(self.held.state(job) == state, "told another state")
            self._lost(job)
        over = {job for job, at in self.before.running.items() if at <= self.before.now}
        left = len(over & set(self.held.running))
        self._hold(left == 0 or len(reaped) >= most, "a lease is over and its job still runs")

    @rule(most=st.integers(1, 4))
    def expire(self, most: int) -> None:
        expired = self._step(["expire"], lambda: self.actors.expire(most))
        for job in expired:
            self._hold(self.before.count(job, "expires") <= self.held.now, "expired too early")
        over = {job for job, at in self.before.expiring.items() if at <= self.before.now}
        self._hold(len(over) >= most or not over & set(self.held.expiring), "over and not expired")

    @rule(pick=picks, own=st.booleans())
    def cancel(self, pick: int, own: bool) -> None:
        if not self.ids:
            return
        job = self._pick(self.ids, pick)
        producer = self.held.jobs[job]["producer"] if own else "somebody"
        said = self._step(["cancel"], lambda: self.actors.cancel(job, producer))
        was, state = self.before.state(job), self.held.state(job)
        self._hold(said == (was if own else "unknown"), f"{said} told of a job that was {was}")
        cancelled = own and was in ("queued", "held")
        self._hold(state == ("cancelled" if cancelled else was), f"cancelled {was} into {state}")

    @rule()
    def flush_the_broker(self) -> None:
        self.broker.clear()

    @rule(which=st.sampled_from(["running", "due", "expiring"]))
    def wait(self, which: str) -> None:
        """Let the next lease end, the next job become due, or the next one expire."""
        now = self.held.now
        times: dict[str, float] = getattr(self.held, which)
        near = [at for at in times.values() if now <= at < now + 100]
        if near:
            pass_by(self.actors, min(near))

    def teardown(self) -> None:
        """Let every accepted job reach a final state, whatever happened before."""
        if self.broken:
            return
        left, since, rounds = len(self.ids) + 1, 0, 0
        while self.held.unsettled:
            rounds += 1
            if len(self.held.unsettled) < left:
                left, since, rounds = len(self.held.unsettled), self.held.now, 0
            is_stuck = rounds > STUCK_ROUNDS and self.held.now > since + STUCK_MS
            self._hold(not is_stuck, f"not drained: {self._left()}")
            self.reap(0, 100)
            self.expire(100)
            self.republish(0, 100)
            self.publish(delivered=True, most=100)
            while self.broker:
                self.deliver(HOUR_MS, pop=True, worker="a")
            for job in self.held.unsettled:
                self._let_go(job)

    def _let_go(self, job: str) -> None:
        state, attempt = self.held.state(job), self.held.count(job, "attempt")
        far = self.held.now + HOUR_MS // 4
        if state == "running" and self.held.running[job] > far:
            self._settle(job, attempt, "succeeded", 0)
        elif (state == "held" and self.held.expiring[job] > far) or self.held.due.get(job, 0) > far:
            self.cancel(self.ids.index(job), own=True)

    def _left(self) -> list[str | None]:
        return [self.held.state(job) for job in self.held.unsettled]

    def _claim(self, job: str, worker: str, lease: int) -> None:
        claim = self._step(["claim"], lambda: self.actors.claim(job, worker, lease))
        was, old, new = self.before.state(job), self.before.jobs[job], self.held.jobs[job]
        self._hold(claim.extra == (int(old["taken"]) >= int(old["published"])), "hints counted")
        self._hold(claim.attempt == int(new["attempt"]), "another attempt than in the record")
        self._hold(self.before.now <= claim.at <= self.held.now, "another time than Redis's")
        due, expires = int(old["due"]), int(old["expires"])
        if was != "queued":
            self._hold(claim.status == was, f"{claim.status} told of a job that was {was}")
        elif claim.status == "claimed":
            self._hold(due <= claim.at < expires, "claimed at a wrong time")
            self._hold(self.held.running.get(job) == claim.at + lease, "another lease")
            self._hold((job, claim.attempt) not in self.tokens, "a fencing token given twice")
            self._hold(new["worker"] == worker, "another worker")
            self.tokens.append((job, claim.attempt))
        elif claim.status == "early":
            self._hold(claim.at < due, "early and due")
        else:
            self._hold(claim.status == "expired" and expires <= claim.at, "expired too early")

    def _settle(self, job: str, attempt: int, kind: str, wait: int) -> None:
        ours = self._is_current(job, attempt)
        state = self._step([SETTLING[kind]], lambda: self.actors.settle(job, attempt, kind, wait))
        self._hold(ours == (state is not None), f"ours: {ours}, and told {state}")
        if not ours:
            self._hold(self.held.jobs[job] == self.before.jobs[job], "a stale attempt settled")
            return
        old = self.before.jobs[job]
        self._hold(self.held.state(job) == state, "told another state")
        if kind == "lost":
            self._lost(job)
        if kind in ("succeeded", "failed"):
            self._hold(state == kind and job in self.held.results, f"{kind} became {state}")
        elif kind == "lost" and old["on_lost"] == "hold" and state == "held":
            return
        elif int(old["expires"]) <= self.before.now + wait:
            last = kind == "lost" and old["attempt"] == old["max_attempts"]
            self._hold(state == ("failed" if last else "expired"), f"too late and {state}")
        elif kind != "release" and attempt >= int(old["max_attempts"]):
            self._hold(state in ("failed", "expired"), f"no attempt left and {state}")
        else:
            self._hold(state in ("queued", "expired"), f"to be tried again and {state}")
        if state == "queued":
            since = self.held.due[job] - wait
            self._hold(self.before.now <= since <= self.held.now, "another delay")

    def _lost(self, job: str) -> None:
        old, held = self.before.jobs[job], self.held.state(job) == "held"
        if held:
            self._hold(old["on_lost"] == "hold", "held and not to be held")
            self._hold(self.before.now < int(old["expires"]), "held for ever")
        elif old["on_lost"] == "hold":
            self._hold(int(old["expires"]) <= self.held.now, "to be held and not held")

    def _run_out(self, job: str) -> None:
        """Let a job's time be over, at the place in a walk where that is wanted.

        From outside: a life of some milliseconds is over before a slow machine has got there.
        """
        self.actors.run_out(job)
        self.held = self._look()

    def _tokens_of_running(self) -> list[tuple[str, int]]:
        return [token for token in self.tokens if self.held.state(token[0]) == "running"]

    def _is_current(self, job: str, attempt: int) -> bool:
        return (self.held.state(job), self.held.count(job, "attempt")) == ("running", attempt)

    def _step(self, events: Sequence[str], call: Callable[[], T]) -> T:
        self.before = replace(self.held, now=self.actors.now())
        reply = call()
        self.held = self._look()
        said = broken_changes(self.before, self.held, events) + broken_rules(self.held)
        self._hold(not said, "; ".join(said))
        return reply

    def _look(self) -> Snapshot:
        return self.actors.look(self.known, [QUEUE])

    def _hold(self, condition: bool, said: str) -> None:
        if not condition:
            self.broken = True
            raise LedgerBroken(said)

    def _pick(self, items: Sequence[T], pick: int) -> T:
        return items[pick % len(items)]
