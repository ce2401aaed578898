"""Rendering of RabbitMQ's definitions: `deploy/rabbitmq/*.json` into the file that a node loads.

`roles.json` is the one place where the rules stand: users without a password (they log in with
their certificates), and what each may configure, write and read, as regular expressions. In it
`{queues}` stands for the broker's queues. `superuser.json` is the local stack's alone: the tests
look at queues and put messages there with it. The queues are added here: durable quorum queues.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

SOURCES: Final = Path(__file__).parent.parent / "rabbitmq"
VHOST: Final = "countersign"


def render_definitions(queues: Sequence[str], *, with_superuser: bool) -> str:
    """Render the definitions for queues; a name with `*` is a pattern, and no queue is made."""
    merged: dict[str, list[Any]] = {"vhosts": [], "users": [], "permissions": []}
    for name in ("roles", "superuser") if with_superuser else ("roles",):
        source = json.loads((SOURCES / f"{name}.json").read_text("utf-8"))
        for kind, entries in source.items():
            merged[kind] += entries
    for permission in merged["permissions"]:
        permission["read"] = permission["read"].replace("{queues}", _pattern(queues))
    merged["queues"] = [_queue(name) for name in plain(queues)]
    return json.dumps(merged, indent=1)


def plain(queues: Sequence[str]) -> tuple[str, ...]:
    """The names among names and patterns."""
    return tuple(name for name in queues if "*" not in name)


def _pattern(queues: Sequence[str]) -> str:
    names = (re.escape(name).replace(r"\*", ".*") for name in queues)
    return f"^({'|'.join(names)})$"


def _queue(name: str) -> dict[str, Any]:
    return {
        "vhost": VHOST,
        "name": name,
        "durable": True,
        "auto_delete": False,
        "arguments": {"x-queue-type": "quorum"},
    }
