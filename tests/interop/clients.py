"""Running a client in another process and reading what it printed."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CLIENT_S = 60
INSTALL_S = 120


def job(invoice: str) -> dict[str, Any]:
    """A payment with a declared secret."""
    return {
        "task": "payments.capture",
        "args": {
            "invoice": invoice,
            "amount": 990,
            "currency": "CHF",
            "card_token": "tok_8Gh2kLq0xZ",
        },
    }


def tool(name: str) -> str:
    """Where a program is. Without it a test is skipped; where CI is set, it fails."""
    found = shutil.which(name)
    if found is None:
        missing = f"{name} is not installed"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def ask(command: Sequence[str], given: str, cwd: Path) -> Any:
    """Run a client with its standard input; give the JSON that it printed."""
    done = subprocess.run(
        command, input=given, cwd=cwd, capture_output=True, text=True, check=False, timeout=CLIENT_S
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
