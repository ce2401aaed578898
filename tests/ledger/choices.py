"""What a random walk over the ledger's states may choose from."""

from typing import Final

from hypothesis import strategies as st

from signing.ledger.record import Limits
from tests.ledger.jobs import HOUR_MS

LIMITS: Final = {
    "acme": Limits(),
    "rated": Limits(per_second=45, burst=2),
    "small": Limits(open_jobs=2),
}
STUCK_MS: Final = 500
STUCK_ROUNDS: Final = 20
SHORT_MS: Final = 15
SETTLING: Final = {
    "succeeded": "succeed",
    "failed": "fail",
    "retry": "retry",
    "release": "release",
    "lost": "lose",
}

picks = st.integers(0, 50)
waits = st.sampled_from([0, 0, 4, HOUR_MS // 2])
lives = st.sampled_from([HOUR_MS, 200, SHORT_MS])
leases = st.sampled_from([3, 10, HOUR_MS])
