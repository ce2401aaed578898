"""The table of states by itself; tests/ledger holds the scripts to it."""

from signing.ledger.states import STATES, TERMINAL, TRANSITIONS

FIRST = None


def test_every_state_is_reached() -> None:
    assert {state for after in TRANSITIONS.values() for state in after} == set(STATES)


def test_nothing_leaves_a_final_state() -> None:
    assert not {before for _, before in TRANSITIONS} & TERMINAL


def test_every_other_state_leads_to_an_end() -> None:
    ends = set(TERMINAL)
    for _ in STATES:
        ends |= {before for (_, before), after in TRANSITIONS.items() if before and after & ends}
    assert ends == set(STATES)


def test_only_accepting_begins_a_job() -> None:
    assert [event for event, before in TRANSITIONS if before is FIRST] == ["accept"]


def test_only_a_claim_begins_a_run() -> None:
    begins = {event for (event, was), after in TRANSITIONS.items() if "running" in after - {was}}
    assert begins == {"claim"}
