"""What the parts of a local stack take from the environment of whoever starts them."""

import os
from typing import Final

#: Besides these a part gets its own settings alone.
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH")


def inherited_environment() -> dict[str, str]:
    """The few variables that a child process gets of our own."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, "PYTHONUNBUFFERED": "1"}
