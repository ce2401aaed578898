"""Attack: a worker, or a gateway, taken over: what its own credentials let it do to a queue."""

from typing import Any

import pytest
from redis.exceptions import NoPermissionError, ResponseError

from tests.attacks.target import FAST, SLOW, Target
from tests.deploy.test_redis_roles import READS_OF_A_QUEUE, WRITES_TO_A_QUEUE, Command

STEP = f"{FAST}\x06\x166"
#: Ways that only a script or a transaction could open.
SCRIPTS: list[str] = [
    "return redis.call('LPUSH', ARGV[1], ARGV[2])",
    "return redis.call('RPUSH', ARGV[1], ARGV[2])",
    "return redis.call('RPOPLPUSH', ARGV[1], ARGV[1])",
    "return redis.call('LMOVE', ARGV[1], ARGV[1], 'LEFT', 'RIGHT')",
    "return redis.pcall('LPUSH', ARGV[1], ARGV[2])",
    "redis.setresp(3); return redis.call('LPUSH', ARGV[1], ARGV[2])",
    "return redis.call('SELECT', '0') and redis.call('LPUSH', ARGV[1], ARGV[2])",
    "return redis.call('SORT', 'cs:due', 'STORE', ARGV[1])",
    "return redis.call('EVAL', \"return redis.call('LPUSH', KEYS[1], 'x')\", 1, ARGV[1])",
]


def lengths(target: Target) -> list[int]:
    superuser: Any = target.stack.servers.redis("superuser", 1)
    return [superuser.llen(key) for key in (FAST, STEP, SLOW)]


@pytest.mark.parametrize("database", [0, 1])
@pytest.mark.parametrize("role", ["worker", "gateway", "security"])
def test_no_command_writes_into_a_queue(target: Target, role: Any, database: int) -> None:
    client: Any = target.stack.servers.redis(role, database)
    with target.unharmed():
        for command in WRITES_TO_A_QUEUE:
            with pytest.raises(NoPermissionError):
                client.execute_command(*command)
        assert lengths(target) == [0, 0, 0]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("role", ["worker", "gateway"])
def test_no_script_writes_into_a_queue(target: Target, role: Any, script: str) -> None:
    client: Any = target.stack.servers.redis(role, 1)
    with target.unharmed():
        sha = client.script_load(script)
        with pytest.raises(ResponseError, match=r"can't|permissions|not allowed|NOPERM"):
            client.evalsha(sha, 0, FAST, target.genuine.raw)
        assert lengths(target) == [0, 0, 0]


def test_a_transaction_is_no_way_around(target: Target) -> None:
    client: Any = target.stack.servers.redis("worker", 1)
    pipe = client.pipeline(transaction=True)
    pipe.llen(FAST)
    pipe.lpush(FAST, target.genuine.raw)
    with pytest.raises(ResponseError):
        pipe.execute()
    assert lengths(target) == [0, 0, 0]


@pytest.mark.parametrize("command", READS_OF_A_QUEUE, ids=lambda c: " ".join(map(str, c))[:30])
def test_a_gateway_reads_no_queue(target: Target, command: Command) -> None:
    client: Any = target.stack.servers.redis("gateway", 1)
    with pytest.raises(NoPermissionError):
        client.execute_command(*command)


@pytest.mark.parametrize("role", ["worker", "gateway", "dispatcher", "security"])
def test_nobody_publishes_a_broadcast(target: Target, role: Any) -> None:
    client: Any = target.stack.servers.redis(role, 1)
    with pytest.raises(NoPermissionError):
        client.publish("/1.celery.pidbox", b"x")
