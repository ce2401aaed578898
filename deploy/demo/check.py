"""One statement about the running system, with what was expected and what was seen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """A statement that holds where what was seen is what was expected.

    Attributes:
        name: stable, for programs.
        statement: one sentence for people.
    """

    name: str
    statement: str
    expected: str
    seen: str

    @property
    def holds(self) -> bool:
        """Whether the statement is true."""
        return self.expected == self.seen


def counted(name: str, statement: str, expected: int, seen: int) -> Check:
    """A check of a number."""
    return Check(name, statement, str(expected), str(seen))


def all_of(name: str, statement: str, outcomes: list[bool]) -> Check:
    """A check that something is so every time; never true of no times at all."""
    total = len(outcomes)
    return Check(
        name, statement, f"{max(total, 1)} of {max(total, 1)}", f"{sum(outcomes)} of {total}"
    )
