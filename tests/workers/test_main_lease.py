"""A call to a ledger that hangs ends before the worker's leases do."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from backends.environment import Environment
from backends.redis_clients import connect
from backends.settings import redis_settings
from signing.catalog import Catalog
from tests.servers.servers import Servers
from workers import main
from workers.settings import WorkerSettings


class Connected(Exception):
    """With these options."""


@pytest.mark.parametrize(
    ("lease_s", "read_s", "connect_s"), [(3, 1, 1), (12, 4, 2), (30, 5, 2), (3600, 5, 2)]
)
def test_the_timeouts_follow_the_lease(
    servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
    lease_s: int,
    read_s: float,
    connect_s: float,
) -> None:
    def connected(*args: Any, **options: Any) -> None:
        client: Any = connect(*args, **options)
        raise Connected(client.connection_pool.connection_kwargs)

    monkeypatch.setattr(main, "connect", connected)
    env = Environment(servers.environment("worker"))
    settings = SimpleNamespace(
        tasks=("examples.tasks",),
        app_dir=None,
        catalog=Catalog([]),
        queues=(),
        lease_s=lease_s,
        ledger=redis_settings(env, "COUNTERSIGN_REDIS_LEDGER_URL"),
    )
    with pytest.raises(Connected) as caught:
        main.work(cast(WorkerSettings, settings))
    options = caught.value.args[0]
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (read_s, connect_s)
