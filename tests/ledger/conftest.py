"""A Redis of the ledger tests' own, once per test process."""

from collections.abc import Iterator

import pytest

from tests.ledger.quiet import QuietRedis


@pytest.fixture(scope="session")
def quiet_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuietRedis]:
    with QuietRedis(tmp_path_factory.mktemp("quiet")) as running:
        yield running


@pytest.fixture
def ledger_redis(quiet_redis: QuietRedis) -> QuietRedis:
    """The same Redis, running and empty."""
    quiet_redis.restore()
    quiet_redis.flush()
    return quiet_redis
