"""Bugs in the ledger's scripts and key names."""

from collections.abc import Mapping
from typing import Final

_LUA: Final = "signing/ledger/lua.py"
_PRELUDE: Final = "signing/ledger/prelude.py"

#: Name -> (directed campaign, rules of which one has to be broken, file, what is there, what
#: stands there instead).
LEDGER: Final[Mapping[str, tuple[str, str, str, str, str]]] = {
    "a running job is claimed": (
        "hints come twice",
        "transition",
        _LUA,
        "if r[1] ~= 'queued' then return {r[1]",
        "if r[1] ~= 'queued' and r[1] ~= 'running' then return {r[1]",
    ),
    "the fencing token is not raised": (
        "nothing is broken",
        "attempt_fell",
        _LUA,
        "local attempt = r[2] + 1",
        "local attempt = math.max(1, tonumber(r[2]))",
    ),
    "a stale attempt settles": (
        "a worker stands still and is outrun",
        "stale_result",
        _LUA,
        "if r[1] ~= 'running' or r[2] ~= ARGV[2] then return 'stale' end",
        "if r[1] ~= 'running' then return 'stale' end",
    ),
    "a settled job settles again": (
        "workers lose the ledger",
        "settled_twice transition",
        _LUA,
        "if r[1] ~= 'running' or r[2] ~= ARGV[2] then return 'stale' end",
        "if r[2] ~= ARGV[2] then return 'stale' end",
    ),
    "a retried job is due nowhere": (
        "nothing is broken",
        "unsettled",
        _PRELUDE,
        "redis.call('ZADD', 'cs:due', due, id)\n",
        "",
    ),
    "a lost hint is not missed": (
        "queues are wiped",
        "unsettled",
        _LUA,
        "if most <= 0 then return 0 end",
        "if true then return 0 end",
    ),
    "no lease ever ends": (
        "workers are killed",
        "unsettled",
        _LUA,
        "'cs:running', '-inf', now, 'LIMIT', 0, ARGV[1])",
        "'cs:running', '-inf', 0, 'LIMIT', 0, ARGV[1])",
    ),
    "a lease is ended while it goes on": (
        "nothing is broken",
        "lost_unexplained",
        _LUA,
        "'cs:running', '-inf', now, 'LIMIT', 0, ARGV[1])",
        "'cs:running', '-inf', '+inf', 'LIMIT', 0, ARGV[1])",
    ),
    "a lease is not made longer": (
        "a run takes longer than a lease",
        "lost_unexplained",
        _LUA,
        "redis.call('ZADD', 'cs:running', 'XX', now + tonumber(ARGV[1]), ARGV[i])",
        "",
    ),
    "a nonce is not kept": (
        "nothing is broken",
        "replayed",
        _LUA,
        "if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', a[1]) then",
        "if false then",
    ),
    "an idempotency key is not kept": (
        "producers lose the gateway",
        "handed_in_twice",
        _LUA,
        "if KEYS[2] ~= '' then\n  redis.call('SET'",
        "if false then\n  redis.call('SET'",
    ),
    "a running job is cancelled": (
        "nothing is broken",
        "transition",
        _LUA,
        "if r[1] == 'queued' or r[1] == 'held' then\n  finish(ARGV[1], 'cancelled'",
        "if r[1] == 'queued' or r[1] == 'running' then\n  finish(ARGV[1], 'cancelled'",
    ),
    "hold is taken for rerun": (
        "workers are killed",
        "hold_ignored",
        _PRELUDE,
        "if r[3] == 'hold' and now",
        "if r[3] == 'nobody' and now",
    ),
    "a settled job's secret is forgotten": (
        "nothing is broken",
        "secret_kept",
        _PRELUDE,
        "if r[3] == '1' then",
        "if false then",
    ),
    "a settled job counts as open": (
        "nothing is broken",
        "left_behind",
        _PRELUDE,
        "redis.call('HINCRBY', 'cs:open', r[4], -1)",
        "",
    ),
}
