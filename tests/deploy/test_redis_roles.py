"""What each role's Redis user may and may not do, asked of a real Redis."""

import time
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from redis.exceptions import NoPermissionError

from deploy.local.redis_acl import queue_keys
from signing.ledger import lua
from signing.ledger.lua import Script
from signing.ledger.record import Acceptance, Limits
from tests.servers.servers import Role, Servers

pytestmark = pytest.mark.servers

Command = tuple[str | int, ...]

ROLES: tuple[Role, ...] = ("gateway", "dispatcher", "worker", "security", "operator")
QUEUE, STEP = queue_keys("fast")[0], queue_keys("fast")[3]
OTHER = "unacked"


def allowed(servers: Servers, role: Role, command: Command) -> bool:
    """Whether Redis lets the role run the command: a refusal by type or syntax is a yes."""
    client: Any = servers.redis(role)  # redis-py leaves execute_command untyped
    try:
        client.execute_command(*command)
    except redis.ResponseError as error:
        return not isinstance(error, NoPermissionError)
    return True


#: Ways to put something into a list, or to make one out of another key.
WRITES_TO_A_QUEUE: tuple[Command, ...] = tuple(
    command
    for queue in (QUEUE, STEP)
    for command in (
        ("LPUSH", queue, "x"),
        ("RPUSH", queue, "x"),
        ("LPUSHX", queue, "x"),
        ("RPUSHX", queue, "x"),
        ("LINSERT", queue, "BEFORE", "x", "y"),
        ("LSET", queue, 0, "x"),
        ("LTRIM", queue, 1, 0),
        ("LMOVE", "cs:seal:1", queue, "LEFT", "LEFT"),
        ("LMOVE", QUEUE, STEP, "LEFT", "LEFT"),
        ("BLMOVE", QUEUE, STEP, "LEFT", "LEFT", 1),
        ("RPOPLPUSH", QUEUE, STEP),
        ("BRPOPLPUSH", QUEUE, STEP, 1),
        ("COPY", "cs:job:1", queue),
        ("COPY", QUEUE, STEP),
        ("RENAME", "cs:job:1", queue),
        ("RENAMENX", QUEUE, STEP),
        ("RESTORE", queue, 0, "x"),
        ("MIGRATE", "127.0.0.1", 1, queue, 0, 1),
        ("MOVE", queue, 1),
        ("SORT", "cs:due", "STORE", queue),
        ("SORT", QUEUE, "STORE", STEP),
        ("SET", queue, "x"),
        ("GETSET", queue, "x"),
        ("APPEND", queue, "x"),
        ("HSET", queue, "f", "x"),
        ("SADD", queue, "x"),
        ("ZADD", queue, 1, "x"),
        ("XADD", queue, "*", "f", "x"),
        ("ZRANGESTORE", queue, "cs:due", 0, -1),
        ("BITOP", "NOT", queue, "cs:seal:1"),
        ("PFADD", queue, "x"),
        ("GEOADD", queue, 1, 1, "x"),
        ("EXPIRE", queue, 1),
        ("EVAL", f"return redis.call('LPUSH', '{queue}', 'x')", 0),
        ("FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('x', function() end)"),
        ("SWAPDB", 0, 1),
    )
)
READS_OF_A_QUEUE: tuple[Command, ...] = tuple(
    command
    for queue in (QUEUE, STEP)
    for command in (
        ("LRANGE", queue, 0, -1),
        ("LINDEX", queue, 0),
        ("LPOS", queue, "x"),
        ("LPOP", queue),
        ("RPOP", queue),
        ("BRPOP", queue, 1),
        ("BLPOP", queue, 1),
        ("LMPOP", 1, queue, "LEFT"),
        ("BLMPOP", 1, 1, queue, "LEFT"),
        ("GET", queue),
        ("DUMP", queue),
        ("EXISTS", queue),
        ("TYPE", queue),
        ("SORT", queue),
        ("SORT_RO", queue),
        ("OBJECT", "ENCODING", queue),
    )
)
#: Ways round the rules, or to stop the server, or to see what others do.
DANGEROUS: tuple[Command, ...] = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("SCAN", 0),
    ("RANDOMKEY",),
    ("CONFIG", "SET", "appendonly", "no"),
    ("CONFIG", "REWRITE"),
    ("SHUTDOWN", "NOSAVE"),
    ("SAVE",),
    ("BGSAVE",),
    ("BGREWRITEAOF",),
    ("REPLICAOF", "NO", "ONE"),
    ("MONITOR",),
    ("MODULE", "LIST"),
    ("ACL", "SETUSER", "worker", "+@all"),
    ("ACL", "LIST"),
    ("ACL", "LOG"),
    ("CLIENT", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("CLIENT", "PAUSE", 1),
    ("CLIENT", "NO-EVICT", "on"),
    ("SLOWLOG", "GET"),
    ("SCRIPT", "FLUSH"),
    ("SCRIPT", "KILL"),
    ("EVAL", "return 1", 0),
    ("PSUBSCRIBE", "*"),
    ("PUBLISH", "celery.pidbox", "x"),
    ("SUBSCRIBE", "__keyspace@0__:x"),
    ("GET", OTHER),
    ("SET", "", "x"),
    ("SET", OTHER, "x"),
    ("HSET", OTHER, "x", "x"),
    ("SADD", "_kombu.bindingx", "x"),
    ("WAIT", 0, 1),
    ("SYNC",),
)


@pytest.mark.parametrize("command", DANGEROUS, ids=lambda c: " ".join(map(str, c))[:40])
@pytest.mark.parametrize("role", ROLES)
def test_no_role_may(servers: Servers, role: Role, command: Command) -> None:
    assert not allowed(servers, role, command)


@pytest.mark.parametrize("role", ["gateway", "worker", "security", "operator"])
def test_only_the_dispatcher_writes_to_a_queue(servers: Servers, role: Role) -> None:
    assert [c for c in WRITES_TO_A_QUEUE if allowed(servers, role, c)] == []


@pytest.mark.parametrize("role", ["gateway", "dispatcher", "security", "operator"])
def test_only_a_worker_reads_a_queue(servers: Servers, role: Role) -> None:
    assert [c for c in READS_OF_A_QUEUE if allowed(servers, role, c)] == []


def test_the_dispatcher_only_pushes_and_counts(clean_servers: Servers) -> None:
    may = {c[0] for c in WRITES_TO_A_QUEUE if allowed(clean_servers, "dispatcher", c)}
    assert may == {"LPUSH"}
    assert clean_servers.redis("dispatcher").llen(STEP) == 1


def test_a_worker_only_takes(clean_servers: Servers) -> None:
    clean_servers.redis("superuser").lpush(STEP, *"abcdefgh")
    may = {c[0] for c in READS_OF_A_QUEUE if allowed(clean_servers, "worker", c)}
    assert may == {"RPOP", "BRPOP", "LMPOP", "BLMPOP"}
    assert clean_servers.redis("worker").llen(STEP) == 4


@dataclass(frozen=True, slots=True)
class Row:
    """A command, and who may run it."""

    command: Command
    roles: frozenset[Role]


def row(roles: str, *command: str | int) -> Row:
    """A row: roles by first letter."""
    return Row(command, frozenset(role for role in ROLES if role[0] in roles))


LEDGER = [
    row("gdwso", "HGETALL", "cs:job:1"),
    row("gdwo", "HSET", "cs:job:1", "f", "x"),
    row("gdwo", "ZADD", "cs:due", 1, "x"),
    row("gdwo", "ZREM", "cs:due", "x"),
    row("gdw", "ZADD", "cs:published:fast", 1, "x"),
    row("gdwo", "ZREM", "cs:published:fast", "x"),
    row("dw", "ZADD", "cs:running", 1, "x"),
    row("dwo", "ZREM", "cs:running", "x"),
    row("gdw", "ZADD", "cs:held", 1, "x"),
    row("gdwo", "ZREM", "cs:held", "x"),
    row("so", "ZRANGE", "cs:held", 0, -1),
    row("gdwo", "ZREM", "cs:expiring", "x"),
    row("g", "ZADD", "cs:producer:acme", 0, "x"),
    row("d", "ZREM", "cs:producer:acme", "x"),
    row("gso", "ZRANGE", "cs:producer:acme", 0, -1),
    row("gdwo", "ZADD", "cs:forget", 1, "x"),
    row("d", "ZREM", "cs:forget", "x"),
    row("gdwo", "ZADD", "cs:purge", 1, "x"),
    row("gdwo", "PEXPIRE", "cs:job:1", 1000),
    row("gdwo", "RENAME", "cs:seal:1", "cs:kept:1"),
    row("", "RENAME", "cs:job:1", "cs:kept:1"),
    row("gdwo", "PEXPIRE", "cs:kept:1", 1000),
    row("gdwo", "UNLINK", "cs:seal:1"),
    row("gs", "GET", "cs:kept:1"),
    row("", "SET", "cs:kept:1", "x"),
    row("", "UNLINK", "cs:job:1"),
    row("", "DEL", "cs:job:1"),
    row("g", "SET", "cs:seal:1", "x"),
    row("", "SET", "cs:job:1", "x"),
    row("", "SET", "cs:quarantine", "x"),
    row("gdwo", "HINCRBY", "cs:open", "acme", 1),
    row("gdso", "HGETALL", "cs:open"),
    row("g", "SET", "cs:rate:acme", 1),
    row("gdws", "GET", "cs:seal:1"),
    row("g", "SET", "cs:nonce:1", "x"),
    row("gs", "GET", "cs:nonce:1"),
    row("g", "SET", "cs:idem:1", "x"),
    row("w", "SET", "cs:result:1", "x"),
    row("gws", "GET", "cs:result:1"),
    row("s", "ZRANGE", "cs:unnamed", 0, -1),
    row("", "ZADD", "cs:unnamed", 1, "x"),
    row("w", "XADD", "cs:quarantine", "*", "f", "x"),
    row("gdws", "XLEN", "cs:quarantine"),
    row("s", "XRANGE", "cs:quarantine", "-", "+"),
    row("s", "XDEL", "cs:quarantine", "1-1"),
    row("s", "XTRIM", "cs:quarantine", "MAXLEN", 0),
    row("s", "DEL", "cs:quarantine"),
    row("gdwo", "PUBLISH", "cs:settled", "x"),
    row("gdwo", "PUBLISH", "cs:wake", "x"),
    row("gdwso", "TIME"),
    row("gdwso", "CONFIG", "GET", "appendonly"),
    row("gdwso", "INFO", "server"),
]


@pytest.mark.parametrize("each", LEDGER, ids=lambda r: " ".join(map(str, r.command))[:40])
def test_who_may_do_what_on_the_ledger(clean_servers: Servers, each: Row) -> None:
    may = frozenset(role for role in ROLES if allowed(clean_servers, role, each.command))
    assert may == each.roles


@pytest.mark.parametrize("role", ["gateway", "dispatcher", "worker", "operator"])
@pytest.mark.parametrize("command", ["LPUSH", "COPY"])
def test_a_script_is_no_way_around(clean_servers: Servers, role: Role, command: str) -> None:
    client = clean_servers.redis(role)
    sha = client.script_load(f"return redis.call('{command}', KEYS[1] or 'cs:due', ARGV[1])")
    with pytest.raises(redis.ResponseError, match=r"The user executing the script can't"):
        client.evalsha(sha, 0, "unacked")


@pytest.mark.parametrize("role", ["gateway", "dispatcher", "worker", "operator"])
def test_the_ledgers_scripts_load(clean_servers: Servers, role: Role) -> None:
    for script in lua.ALL:
        assert clean_servers.redis(role).script_load(script.text) == script.sha


def run(servers: Servers, role: Role, script: Script, *args: str | bytes | int) -> Any:
    """Run a script without KEYS as a role."""
    client = servers.redis(role)
    return client.evalsha(client.script_load(script.text), 0, *args)


def accept(servers: Servers, idempotency_key: str | None) -> str:
    """Accept one job as the gateway; give its id."""
    job_id = f"job-{idempotency_key}"
    given = Acceptance(
        job_id=job_id,
        seal=b"{}",
        seal_digest="sha-256:00",
        producer="acme",
        task="t",
        queue="fast",
        priority=0,
        max_attempts=2,
        on_lost="rerun",
        has_secret=True,
        issued_at=time.time_ns() // 1_000_000,
        not_before=0,
        expires_at=10**14,
        keyid="k",
        nonce=job_id,
        idempotency_key=idempotency_key,
        body_digest="d",
        limits=Limits(per_second=1, burst=9, open_jobs=9),
    )
    client = servers.redis("gateway")
    sha = client.script_load(lua.ACCEPT.text)
    keys, args = given.script_keys(), given.script_args()
    assert client.evalsha(sha, len(keys), *keys, *args)[0] == b"accepted"
    return job_id


def test_the_ledgers_scripts_run_as_the_roles_that_use_them(clean_servers: Servers) -> None:
    with_key, without = accept(clean_servers, "key"), accept(clean_servers, None)
    minute, day = 60_000, 86_400_000
    assert run(clean_servers, "gateway", lua.CANCEL, without, "acme", day) == b"queued"
    assert len(run(clean_servers, "dispatcher", lua.TAKE_DUE, 10, day)) == 5
    assert run(clean_servers, "dispatcher", lua.REPUBLISH, "fast", 0, -minute, 10) == 1
    assert run(clean_servers, "dispatcher", lua.GIVE_BACK, "fast", 0, with_key) == 0
    assert run(clean_servers, "worker", lua.CLAIM, with_key, "w1", -1, day)[:2] == [b"claimed", 1]
    assert run(clean_servers, "worker", lua.RENEW, -1, with_key, 1) == [1]
    reaped = run(clean_servers, "dispatcher", lua.REAP, 10, 0, day)
    assert reaped == [with_key.encode(), b"queued"]
    assert run(clean_servers, "dispatcher", lua.EXPIRE, 10, day) == []
    assert run(clean_servers, "dispatcher", lua.FORGET, 10) == 0
    assert run(clean_servers, "worker", lua.CLAIM, with_key, "w1", 9999, day)[:2] == [b"claimed", 2]
    settled = run(clean_servers, "worker", lua.SETTLE, with_key, 2, "succeeded", b"r", "", 0, day)
    assert settled == b"succeeded"
    clean_servers.redis("superuser").zadd("cs:forget", {f"{with_key} acme": 1})
    assert run(clean_servers, "dispatcher", lua.FORGET, 10) == 1
    assert clean_servers.redis("gateway").get(f"cs:result:{with_key}") == b"r"


def hold(servers: Servers, job_id: str) -> None:
    """Have a queued job held, as where its worker died."""
    client = servers.redis("superuser")
    client.hset(f"cs:job:{job_id}", "state", "held")
    client.zrem("cs:due", job_id)
    client.zadd("cs:held", {job_id: 1})


@pytest.mark.parametrize(
    ("action", "held", "state"),
    [
        ("cancel", False, b"cancelled"),
        ("cancel", True, b"cancelled"),
        ("release", True, b"queued"),
        ("fail", True, b"failed"),
    ],
)
def test_the_script_operate_runs_as_the_operator(
    clean_servers: Servers, action: str, held: bool, state: bytes
) -> None:
    job_id = accept(clean_servers, None)
    if held:
        hold(clean_servers, job_id)
    before = run(clean_servers, "operator", lua.OPERATE, job_id, action, 60_000)
    assert before == (b"held" if held else b"queued")
    assert clean_servers.redis("operator").hget(f"cs:job:{job_id}", "state") == state


def test_the_default_user_is_off(servers: Servers) -> None:
    info = servers.redis("superuser").acl_getuser("default")
    assert info is not None
    assert info["enabled"] is False


def test_no_password_stands_in_redis_files(servers: Servers) -> None:
    texts = [path.read_text() for path in servers.paths.redis.iterdir() if path.is_file()]
    for role in (*ROLES, "superuser"):
        password = servers.paths.redis_password(role).read_text()
        assert not any(password in text for text in texts)
