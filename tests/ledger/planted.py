"""Bugs to plant in the scripts: what is replaced by what, in copies of their text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from signing.ledger.lua import ALL, Script


@dataclass(frozen=True)
class Planted:
    """One replacement in the script that is named, or in the prelude of all of them."""

    old: str
    new: str
    script: str | None = None

    def scripts(self) -> Mapping[str, Script]:
        """The scripts with the bug in them."""
        return {script.name: self._planted(script) for script in ALL}

    def _planted(self, script: Script) -> Script:
        if self.script not in (None, script.name):
            return script
        if script.text.count(self.old) != 1:
            raise ValueError(f"{script.name} has not exactly one place for the bug")
        return Script(script.name, script.text.replace(self.old, self.new))


BUGS: Final[Mapping[str, Planted]] = {
    "a stale attempt settles": Planted(
        "if r[1] ~= 'running' or r[2] ~= ARGV[2] then return 'stale' end",
        "if r[1] ~= 'running' then return 'stale' end",
        "settle",
    ),
    "a settled job settles again": Planted(
        "if r[1] ~= 'running' or r[2] ~= ARGV[2] then return 'stale' end",
        "if r[2] ~= ARGV[2] then return 'stale' end",
        "settle",
    ),
    "a running job is claimed": Planted("if r[1] ~= 'queued' then", "if false then", "claim"),
    "a job is claimed before it is due": Planted(
        "if tonumber(r[3]) > now then", "if false then", "claim"
    ),
    "a claimed job stays published": Planted(
        "redis.call('ZREM', 'cs:published:' .. r[6], id)", "", "claim"
    ),
    "the fencing token stays": Planted(
        "local attempt = r[2] + 1", "local attempt = tonumber(r[2])", "claim"
    ),
    "a held job keeps its lease": Planted(
        "redis.call('ZREM', 'cs:running', id)\n    redis.call('ZADD', 'cs:held'",
        "redis.call('ZADD', 'cs:held'",
    ),
    "a held job is nowhere": Planted("redis.call('ZADD', 'cs:held', now, id)", ""),
    "a released job stays held": Planted(
        "redis.call('ZREM', 'cs:held', id)\n  if", "if", "operate"
    ),
    "a released job has no attempt left": Planted(
        "if tonumber(r[2]) >= tonumber(r[3]) then", "if false then", "operate"
    ),
    "a running job is released": Planted(
        "action == 'release' and r[1] == 'held'", "action == 'release'", "operate"
    ),
    "a queued job is failed": Planted(
        "action == 'fail' and r[1] == 'held'", "action == 'fail'", "operate"
    ),
    "a job is released after it expired": Planted(
        "if now >= tonumber(r[4]) then", "if false then", "operate"
    ),
    "a job is in nobody's list": Planted(
        "redis.call('ZADD', 'cs:producer:' .. producer, 0, id)", "", "accept"
    ),
    "a settled job is never forgotten": Planted(
        "redis.call('ZADD', 'cs:forget', now + retention, id .. ' ' .. r[4])", ""
    ),
    "forgotten too early": Planted("'-inf', now, 'LIMIT'", "'-inf', '+inf', 'LIMIT'", "forget"),
    "a seal with secrets is kept": Planted("r[3] == '0' and (", "("),
    "a job is held after it expired": Planted("and now < tonumber(r[4])", ""),
    "a lost job is tried for ever": Planted("tonumber(r[1]) >= tonumber(r[2])", "false"),
    "a requeued job is due nowhere": Planted(
        "redis.call('ZADD', 'cs:due', due, id)\n  ", "", "reap"
    ),
    "a settled job counts as open": Planted("redis.call('HINCRBY', 'cs:open', r[4], -1)", ""),
    "a settled job still expires": Planted(
        "redis.call('ZREM', 'cs:expiring', id)\n  local seal", "local seal"
    ),
    "a settled job's secret is forgotten": Planted("if r[3] == '1' then", "if false then"),
    "a settled job's seal stays": Planted("redis.call('UNLINK', seal)", ""),
    "a nonce is not kept": Planted(
        "if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', a[1]) then", "if false then", "accept"
    ),
    "an idempotency key is not kept": Planted(
        "if KEYS[2] ~= '' then\n  redis", "if false then redis", "accept"
    ),
    "another body gives the first id": Planted("~= a[2] then", "~= a[2] and false then", "accept"),
    "one job too many": Planted("or 0) >= allowed then", "or 0) > allowed then", "accept"),
    "the rate is not kept": Planted(
        "'cs:rate:' .. producer, string", "'cs:rate:x', string", "accept"
    ),
    "a lost hint is not missed": Planted("if most <= 0 then", "if true then", "republish"),
    "the queue's hints come twice": Planted(
        "redis.call('ZCARD', key) - tonumber(ARGV[2])", "redis.call('ZCARD', key)", "republish"
    ),
    "published again and still published": Planted("redis.call('ZREM', key, id)", "", "republish"),
    "published before it is due": Planted(
        "'-inf', now, 'LIMIT'", "'-inf', '+inf', 'LIMIT'", "take_due"
    ),
    "taken and not marked": Planted(
        "redis.call('ZADD', 'cs:published:' .. r[2], now, id)", "", "take_due"
    ),
    "a stale attempt renews": Planted("and r[2] == ARGV[i + 1] then", "then", "renew"),
    "reaped under its lease": Planted("'-inf', now, 'LIMIT'", "'-inf', '+inf', 'LIMIT'", "reap"),
    "a running job expires": Planted(
        "if state == 'queued' or state == 'held' then", "if state then", "expire"
    ),
    "a held job never expires": Planted("or state == 'held'", "", "expire"),
    "somebody else cancels": Planted("or r[2] ~= ARGV[2] then", "then", "cancel"),
    "a running job is cancelled": Planted(
        "or r[1] == 'held' then", "or r[1] == 'running' then", "cancel"
    ),
}
