"""Work beside the requests, for as long as the gateway serves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

_log = logging.getLogger(__name__)


@asynccontextmanager
async def running(
    name: str, work: Coroutine[Any, Any, None], on_fault: Callable[[], None]
) -> AsyncIterator[None]:
    """Run `work` until this is left; `on_fault` is called where it ends before."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            error = task.exception()
            _log.critical("%s ended: %s", name, type(error).__name__, exc_info=error)
            on_fault()

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
