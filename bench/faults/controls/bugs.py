"""Bugs to plant, one at a time, each with the short campaign under which it shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.faults.controls import bugs_ledger, bugs_roles
from bench.faults.controls.tree import Replacement


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug, the directed campaign that has to find it, and the rules: one has to say so."""

    part: str
    replacement: Replacement
    directed: str
    rules: frozenset[str]


BUGS: Final[Mapping[str, Bug]] = {
    name: Bug(part, Replacement(path, old, new), directed, frozenset(rules.split()))
    for part, table in (
        ("ledger", bugs_ledger.LEDGER),
        ("dispatcher", bugs_roles.DISPATCHER),
        ("worker", bugs_roles.WORKER),
        ("gateway", bugs_roles.GATEWAY),
    )
    for name, (directed, rules, path, old, new) in table.items()
}
