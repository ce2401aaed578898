"""Walks with an operator in them, who has a word on what is held, and with the end of retention."""

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.ledger.choices import picks
from tests.ledger.machine import LedgerMachine

#: What an operator may say, what becomes of the job, and in which states it counts.
OPERATING: Final = {"release": "queued", "fail": "failed", "cancel": "cancelled"}
OPERABLE: Final = {"release": {"held"}, "fail": {"held"}, "cancel": {"queued", "held"}}


class OperatedLedger(LedgerMachine):
    """All of the ledger's scripts."""

    @rule(pick=picks, action=st.sampled_from([*OPERATING]))
    def operate_on_any(self, pick: int, action: str) -> None:
        """An operator says what shall become of a job, whatever its state."""
        if self.ids:
            self._operate(self._pick(self.ids, pick), action)

    @rule(attempts=st.integers(1, 2), told=st.booleans())
    def expire_held(self, attempts: int, told: bool) -> None:
        """A job is lost and held, and nobody says a word before it expires."""
        self.lose_a_job("hold", attempts, over=False, told=told)
        if held := [*self.held.held]:
            self._run_out(held[-1])
            self.expire(most=4)

    @rule(
        action=st.sampled_from([*OPERATING]),
        attempts=st.integers(1, 2),
        over=st.booleans(),
        told=st.booleans(),
    )
    def operate_on_held(self, action: str, attempts: int, over: bool, told: bool) -> None:
        """A job is lost and held, and may expire before an operator sees it."""
        self.lose_a_job("hold", attempts, over=False, told=told)
        if held := [*self.held.held]:
            if over:
                self._run_out(held[-1])
            self._operate(held[-1], action)

    def _operate(self, job: str, action: str) -> None:
        said = self._step([action], lambda: self.actors.operate(job, action))
        was, old, state = self.before.state(job), self.before.jobs[job], self.held.state(job)
        self._hold(said == was, f"{said} told of a job that was {was}")
        over = int(old["expires"]) <= self.held.now
        expected = {OPERATING[action]} if was in OPERABLE[action] else {was}
        if was == "held" and action == "release" and over:
            expected = (
                {"queued", "expired"} if int(old["expires"]) > self.before.now else {"expired"}
            )
        self._hold(state in expected, f"{action} made {was} {state}")
        if was == "held" and state == "queued":
            self._hold(self.held.due[job] <= self.held.now, "released and not due")
            left = int(self.held.jobs[job]["max_attempts"]) - int(old["attempt"])
            self._hold(left >= 1, "released without an attempt left")

    @rule()
    def forget(self) -> None:
        """Nothing is old enough: nobody is forgotten."""
        self._hold(self._step([], self.actors.forget) == 0, "forgotten too early")
