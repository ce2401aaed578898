"""A claimed job in Celery's pool: what the worker hands over and what the pool calls back."""

import logging
from collections.abc import Callable
from typing import Any

from celery.exceptions import TimeLimitExceeded

from workers.child import run_in_pool
from workers.types import Claimed, Outcome

_log = logging.getLogger(__name__)


class PoolRequest:
    """Stands where `celery.worker.request.Request` does, with what the worker calls of it.

    Celery's own reads its limits and its task's name from headers; here the verified claims say.
    """

    def __init__(
        self,
        claimed: Claimed,
        begun: Callable[[Claimed], None],
        finished: Callable[[Claimed, Outcome], None],
    ) -> None:
        self._claimed = claimed
        self._begun = begun
        self._finished = finished
        self.id = claimed.job.claims.id
        self.name = claimed.job.claims.task

    def execute_using_pool(self, pool: Any, **_: Any) -> Any:
        """Run in the pool (called by `celery.worker.WorkController._process_task`)."""
        claims = self._claimed.job.claims
        return pool.apply_async(
            run_in_pool,
            args=(self._claimed,),
            accept_callback=self.on_accepted,
            timeout_callback=self.on_timeout,
            callback=self.on_success,
            error_callback=self.on_failure,
            soft_timeout=claims.soft_time_limit,
            timeout=claims.time_limit,
            correlation_id=self.id,
        )

    def on_accepted(self, *_: Any, **__: Any) -> None:
        """Hear that the run begins."""
        self._begun(self._claimed)

    def on_success(self, returned: Any, **_: Any) -> None:
        """Take the outcome that `run_in_pool` gave, or the pool's word that it gave none."""
        if isinstance(returned, tuple) and isinstance(returned[1], Outcome):
            self._finished(self._claimed, returned[1])
        else:
            self._lost("the pool gave no outcome")

    def on_failure(self, info: Any, **_: Any) -> None:
        """Hear that the run was ended at its hard limit, or that its process died."""
        kind = getattr(info, "type", type(info))
        if issubclass(kind, TimeLimitExceeded):
            self._over_time()
        else:
            self._lost(kind.__name__)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Hear of a limit: the soft one is the task's to handle, after the hard one it has ended.

        The pool says so to `on_failure` as well, before or after; the first word counts.
        """
        if not soft:
            self._over_time()

    def _over_time(self) -> None:
        _log.warning("job %s of %s ended at its hard limit", self.id, self.name)
        self._finished(self._claimed, Outcome("failed", error="time_limit_exceeded"))

    def _lost(self, how: str) -> None:
        _log.error("job %s of %s lost its process: %s", self.id, self.name, how)
        self._finished(self._claimed, Outcome("lost", error="worker_lost", delay_ms=100))
