"""Rendering of the Redis users: `deploy/redis/*.acl` into the file that Redis loads."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parent.parent / "redis"
#: kombu keeps a queue's messages in one list per priority step: the name, or name, separator, step.
PRIORITY_SEPARATOR: Final = "\x06\x16"
PRIORITY_STEPS: Final = (3, 6, 9)


def queue_keys(queue: str) -> list[str]:
    """The Redis keys of one broker queue."""
    return [queue, *(f"{queue}{PRIORITY_SEPARATOR}{step}" for step in PRIORITY_STEPS)]


def render_acl(rules: str, passwords: Mapping[str, str], queues: Sequence[str]) -> str:
    """Render rules into Redis's form: one line per user, passwords as SHA-256 only.

    Raises:
        KeyError: where the rules name a role without a password.
    """
    patterns = " ".join(f"~{key}" for queue in queues for key in queue_keys(queue))

    def password(match: re.Match[str]) -> str:
        return hashlib.sha256(passwords[match[1]].encode()).hexdigest()

    lines: list[str] = []
    for line in rules.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        text = re.sub(r"\{password:(\w+)\}", password, line.strip())
        text = text.replace("{queues}", patterns)
        if line[0].isspace():
            lines[-1] = f"{lines[-1]} {text}"
        else:
            lines.append(text)
    return "\n".join(lines) + "\n"


def read_rules(*, with_superuser: bool) -> str:
    """The rules as they are kept; the local stack has a superuser's besides."""
    names = ("users.acl", "superuser.acl") if with_superuser else ("users.acl",)
    return "\n".join((SOURCES / name).read_text("utf-8") for name in names)
