"""Readiness, part by part: what a gateway waits for, in a word each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from signing.errors import CountersignError


@dataclass(frozen=True, slots=True)
class Readiness:
    """Checks by name; a check that raises gives its error's code."""

    checks: Mapping[str, Callable[[], Awaitable[None]]]

    async def parts(self) -> dict[str, str]:
        """Give `ok` or a code for each part."""
        return {name: await _outcome(check) for name, check in self.checks.items()}


async def _outcome(check: Callable[[], Awaitable[None]]) -> str:
    try:
        await check()
    except CountersignError as error:
        return error.code
    return "ok"
