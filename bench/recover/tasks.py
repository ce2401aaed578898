"""The one task of its own that the measurement needs."""

import time

from workers import current_job, job


@job("recover.sleep", queue="fast", max_attempts=5)
def sleep(seconds: float) -> float:
    """Take so long at the first attempt, and no time at those after it."""
    if current_job().attempt == 1:
        time.sleep(seconds)
    return seconds
