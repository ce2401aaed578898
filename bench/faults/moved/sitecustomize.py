"""For Python processes whose clock is moved; Python imports this at start, being on its path.

libfaketime moves the end of a sleep with the clock, though it is told to leave monotonic time
alone: `time.sleep` fails an hour ahead, and lasts an hour longer behind.
"""

import select
import time
from typing import Any


def _sleep(seconds: Any) -> None:
    select.select((), (), (), float(seconds))


time.sleep = _sleep
