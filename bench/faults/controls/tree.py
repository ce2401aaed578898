"""Copies of the source tree with one bug in them, for the processes under test to run from."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
#: What the roles import; the tasks of a campaign are in `bench`.
PACKAGES: Final = ("signing", "backends", "gateway", "workers", "certs", "deploy", "bench")
_LEFT_OUT: Final = shutil.ignore_patterns("results", "node_modules", ".*")
_ASK: Final = "import importlib, sys; print(importlib.import_module(sys.argv[1]).__file__)"


class CannotPlant(Exception):
    """The text to be replaced is not there exactly once, or the copy would not be what runs."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A bug: one text in one file, and what stands there instead."""

    path: str
    old: str
    new: str

    def planted(self, text: str) -> str:
        """Give the file's text with the bug.

        Raises:
            CannotPlant: where there is not exactly one place for it, or nothing would change.
        """
        count = text.count(self.old)
        if count != 1 or self.old == self.new:
            raise CannotPlant(f"{self.path} has {count} places for the bug, and not one")
        return text.replace(self.old, self.new)

    @property
    def module(self) -> str:
        """The file's module."""
        return self.path.removesuffix(".py").replace("/", ".")


def copy_tree(source: Path, copy: Path) -> None:
    """Copy what the roles import, with the compiled files: those count by the sources' times."""
    for package in PACKAGES:
        shutil.copytree(source / package, copy / package, ignore=_LEFT_OUT)


def plant(copy: Path, bug: Replacement) -> None:
    """Put a bug into a copy.

    Raises:
        CannotPlant: as `Replacement.planted`.
    """
    path = copy / bug.path
    text = bug.planted(path.read_text("utf-8"))
    path.write_text(text, "utf-8")
    Path(cache_from_source(str(path))).unlink(missing_ok=True)


def check_runs(copy: Path, module: str, environment: Mapping[str, str]) -> None:
    """Make sure that a process with this environment imports the copy's module.

    Raises:
        CannotPlant: where it imports another, or cannot.
    """
    done = subprocess.run(
        [sys.executable, "-c", _ASK, module], env=dict(environment), capture_output=True, timeout=60
    )
    if done.returncode != 0:
        raise CannotPlant(f"{module} cannot be imported: {done.stderr.decode().splitlines()[-1:]}")
    if not Path(done.stdout.decode().strip()).is_relative_to(copy):
        raise CannotPlant(f"{module} does not come from the copy")
