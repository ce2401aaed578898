"""The job's state machine, in one table; the scripts follow it and tests hold them to it."""

from typing import Final, Literal, get_args

State = Literal["queued", "running", "held", "succeeded", "failed", "expired", "cancelled"]
STATES: Final[tuple[State, ...]] = get_args(State)
TERMINAL: Final[frozenset[State]] = frozenset({"succeeded", "failed", "expired", "cancelled"})

#: (event, state before) -> states after. What is not here is refused and changes nothing.
TRANSITIONS: Final[dict[tuple[str, State | None], frozenset[State]]] = {
    ("accept", None): frozenset({"queued"}),
    ("publish", "queued"): frozenset({"queued", "expired"}),
    ("republish", "queued"): frozenset({"queued"}),
    ("claim", "queued"): frozenset({"running", "expired"}),
    ("renew", "running"): frozenset({"running"}),
    ("succeed", "running"): frozenset({"succeeded"}),
    ("fail", "running"): frozenset({"failed"}),
    ("retry", "running"): frozenset({"queued", "failed", "expired"}),
    ("release", "running"): frozenset({"queued", "expired"}),
    ("lose", "running"): frozenset({"queued", "held", "failed", "expired"}),
    ("expire", "queued"): frozenset({"expired"}),
    ("expire", "held"): frozenset({"expired"}),
    ("cancel", "queued"): frozenset({"cancelled"}),
    ("cancel", "held"): frozenset({"cancelled"}),
    ("release", "held"): frozenset({"queued", "expired"}),
    ("fail", "held"): frozenset({"failed"}),
}
