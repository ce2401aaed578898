"""What the tests' own tasks left behind, and waiting for it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

#: The environment variable that names the directory.
DIRECTORY = "TEST_MARKS"
#: For `Stack.build_catalog` and COUNTERSIGN_TASKS.
TASKS = "examples.tasks,tests.servers.tasks_for_tests"


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    pause = Event()
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true within {seconds:g} s")
        pause.wait(0.02)


@dataclass(frozen=True, slots=True)
class Mark:
    """One line that a task left."""

    event: str
    name: str
    job: str
    attempt: int
    pid: int


@dataclass(frozen=True, slots=True)
class Marks:
    """The directory in which the tasks leave their marks."""

    directory: Path

    @property
    def settings(self) -> dict[str, str]:
        """The worker's settings, so that it runs the tests' own tasks as well."""
        return {DIRECTORY: str(self.directory), "COUNTERSIGN_TASKS": TASKS}

    def all(self) -> list[Mark]:
        """All marks, in the order in which they were left."""
        path = self.directory / "marks"
        text = path.read_text("utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # of the last line there may be a part alone
        return [Mark(**json.loads(line)) for line in whole.splitlines()]

    def of(self, name: str, event: str | None = None) -> list[Mark]:
        """The marks of one name."""
        return [item for item in self.all() if item.name == name and event in (None, item.event)]

    def wait_for(self, name: str, event: str, count: int = 1, seconds: float = 60.0) -> list[Mark]:
        """Wait until so many marks are there."""
        wait_until(lambda: len(self.of(name, event)) >= count, seconds)
        return self.of(name, event)

    def go(self, name: str) -> None:
        """Let a waiting task end."""
        (self.directory / f"go-{name}").touch()
