"""A Redis in which no other dispatcher works."""

from tests.ledger.conftest import ledger_redis, quiet_redis

__all__ = ["ledger_redis", "quiet_redis"]
