"""What every script of the ledger begins with, in Lua: the clock, and the ways into each state.

A script asks Redis for the time once. Key names that depend on a record are made inside the
scripts: the ledger lives in one Redis (Celery has no Redis Cluster transport either).
"""

from typing import Final

PRELUDE: Final = """
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local now = clock()
local function job_key(id) return 'cs:job:' .. id end

-- One way in to every final state: indexes cleared, retention set, secrets queued for deletion.
-- The seal stays for as long as the record where the job may be replayed: it failed or expired,
-- and no secret of its own is deleted now. It stays under another name, which nothing publishes.
local function finish(id, state, reason, retention)
  local key = job_key(id)
  local r = redis.call('HMGET', key, 'queue', 'task', 'secret', 'producer', 'state')
  redis.call('HINCRBY', 'cs:open', r[4], -1)
  redis.call('HSET', key, 'state', state, 'finished', now, 'error', reason)
  if r[5] == 'running' then
    redis.call('ZREM', 'cs:running', id)
  elseif r[5] == 'held' then
    redis.call('ZREM', 'cs:held', id)
  else
    redis.call('ZREM', 'cs:due', id)
    redis.call('ZREM', 'cs:published:' .. r[1], id)
  end
  redis.call('ZREM', 'cs:expiring', id)
  local seal, kept = 'cs:seal:' .. id, 'cs:kept:' .. id
  local may_run_again = r[3] == '0' and (state == 'failed' or state == 'expired')
  if may_run_again and redis.call('EXISTS', seal) == 1 then
    redis.call('RENAME', seal, kept)
    redis.call('PEXPIRE', kept, retention)
  else
    redis.call('UNLINK', seal)
  end
  redis.call('PEXPIRE', key, retention)
  redis.call('ZADD', 'cs:forget', now + retention, id .. ' ' .. r[4])
  if r[3] == '1' then
    redis.call('ZADD', 'cs:purge', now, 'jobs/' .. r[1] .. '/' .. r[2] .. '/' .. id)
  end
  redis.call('PUBLISH', 'cs:settled', id)
end

local function requeue(id, due, reason)
  redis.call('HSET', job_key(id), 'state', 'queued', 'due', due, 'error', reason)
  redis.call('ZREM', 'cs:running', id)
  redis.call('ZADD', 'cs:due', due, id)
  redis.call('PUBLISH', 'cs:wake', due)
end

-- A run that ended without an outcome: rerun, hold or fail, as the record says. What has expired
-- while it ran is not held: nothing would ever take it out of there.
local function lose(id, delay, retention, reason)
  local r = redis.call('HMGET', job_key(id), 'attempt', 'max_attempts', 'on_lost', 'expires')
  if r[3] == 'hold' and now < tonumber(r[4]) then
    redis.call('HSET', job_key(id), 'state', 'held', 'error', reason)
    redis.call('ZREM', 'cs:running', id)
    redis.call('ZADD', 'cs:held', now, id)
    return 'held'
  end
  if tonumber(r[1]) >= tonumber(r[2]) then
    finish(id, 'failed', reason, retention)
    return 'failed'
  end
  if now + delay >= tonumber(r[4]) then
    finish(id, 'expired', reason, retention)
    return 'expired'
  end
  requeue(id, now + delay, reason)
  return 'queued'
end
"""
