"""A power cut's figures, for people and as JSON."""

from collections.abc import Sequence
from typing import Any, Final

from bench.power.restore import Verdict

CONFIDENCE: Final = "95 %"
_SHOWN: Final = 5


def at_most(failed: int, tried: int) -> str:
    """Tell failures out of tries; none of N is at most 3/N at 95 % (the rule of three)."""
    if failed or not tried:
        return f"{failed} of {tried}"
    return f"0 of {tried} (at most {3 / tried:.2%} at {CONFIDENCE})"


def moments_of(verdicts: Sequence[Verdict]) -> tuple[int, int]:
    """At how many moments a promise was broken, and of how many: what is cut in several ways at
    one moment is one try."""
    broken = {item.at for item in verdicts if item.broken}
    return len(broken), len({item.at for item in verdicts})


def figures(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """What a series of cuts came to."""
    return {
        "cuts": len(verdicts),
        "cuts_with_a_broken_promise": sum(bool(item.broken) for item in verdicts),
        "promises_checked": sum(item.accepted for item in verdicts),
        "jobs_broken": sum(item.jobs_broken for item in verdicts),
        "final_states_checked": sum(item.told for item in verdicts),
        "mended": sum(item.mended for item in verdicts),
        "with_unsynced_bytes": sum(item.unsynced > 0 for item in verdicts),
        "during_a_rewrite": sum(item.rewriting for item in verdicts),
        "examples": [f"{broken.job}: {broken.what}" for item in verdicts for broken in item.broken][
            :_SHOWN
        ],
    }


def line(name: str, found: dict[str, Any]) -> str:
    """One line of the table."""
    return (
        f"{name:34}{found['cuts']:6}{found['promises_checked']:10}"
        f"{found['jobs_broken']:8}{found['cuts_with_a_broken_promise']:8}"
        f"{found['mended']:8}"
        f"{found['with_unsynced_bytes']:10}{found['during_a_rewrite']:9}"
    )


HEADER: Final = (
    f"{'':34}{'cuts':>6}{'promises':>10}{'broken':>8}{'in cuts':>8}"
    f"{'mended':>8}{'unsynced':>10}{'rewrite':>9}"
)
