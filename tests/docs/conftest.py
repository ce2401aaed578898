"""A stack of the pages' own, with the worker tutorial's tasks beside the sample's."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import FILE_MARK, ROOT, blocks, page
from tests.servers.servers import Servers
from tests.servers.stack import Stack

TASKS = ("examples.tasks", "shop.tasks")
PARTNERS_GATEWAY = "https://gateway.example"
LOCAL_GATEWAY = "https://localhost:8443"
SHELL_S = 90


def write_files(name: str, directory: Path) -> None:
    """Write the files that a page tells the reader to write."""
    for block in blocks(page(name), "python"):
        if block.mark.startswith(FILE_MARK):
            path = directory / block.mark.removeprefix(FILE_MARK)
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text, "utf-8")


def shell(text: str, directory: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a page's commands in a directory, each of which has to succeed; give what they print."""
    inherited = {key: value for key, value in os.environ.items() if key[:12] != "COUNTERSIGN_"}
    programs = f"{Path(sys.executable).parent}:{inherited['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=directory,
        env={**inherited, "PATH": programs, "PYTHONPATH": str(ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=SHELL_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Workshop:
    """A running stack and an empty directory for a page's reader."""

    stack: Stack
    directory: Path

    def text(self, text: str) -> str:
        """A block with the addresses of the pages' examples replaced by this stack's."""
        base = self.stack.base
        return text.replace(PARTNERS_GATEWAY, base).replace(LOCAL_GATEWAY, base)


@pytest.fixture(scope="session")
def documented_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Gateway, dispatcher and a worker that serves the tutorial's tasks as well."""
    tasks, logs = tmp_path_factory.mktemp("tasks"), tmp_path_factory.mktemp("logs")
    write_files("docs/tutorial-worker.md", tasks)
    modules = " ".join(f"--tasks {name}" for name in TASKS)
    with Servers(tmp_path_factory.mktemp("documented")) as servers, Stack(servers, logs) as stack:
        shell(f"countersign catalog build {modules} --output {servers.paths.catalog}", tasks)
        stack.start("gateway")
        stack.start("dispatcher")
        own = {"COUNTERSIGN_TASKS": ",".join(TASKS), "COUNTERSIGN_APP_DIR": str(tasks)}
        stack.start("worker", **own)
        yield stack


@pytest.fixture
def workshop(documented_stack: Stack, tmp_path: Path) -> Workshop:
    """The stack, and a directory with its CA's certificate and its state, as the pages have it."""
    paths = documented_stack.servers.paths
    shutil.copy(paths.certs.authority, tmp_path / "ca.crt")
    (tmp_path / ".countersign").symlink_to(paths.state)
    return Workshop(documented_stack, tmp_path)
