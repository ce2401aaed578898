"""One stack per state directory: a lock that goes with its process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.errors import StackError
from deploy.local.paths import StackPaths


@contextmanager
def locked(paths: StackPaths) -> Iterator[None]:
    """Hold the state directory; a process that dies lets go of it.

    Raises:
        StackError: where another process holds it, or it cannot be written.
    """
    try:
        paths.prepare()
        descriptor = os.open(paths.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StackError(f"cannot use {paths.state}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"{paths.state} is in use: stop the other countersign up, or take another --state"
            ) from None
        yield
    finally:
        os.close(descriptor)
