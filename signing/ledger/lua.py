"""The ledger's atomic scripts, in Lua as Redis runs it. Times are Redis's own, in milliseconds.

Every script starts with `prelude.PRELUDE`.
"""

from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from signing.ledger.prelude import PRELUDE

#: Runs where Redis is at its `maxmemory` too: a full ledger accepts nothing, and all that is in it
#: goes on to its end, which makes room. Redis would else refuse the scripts whose first write may
#: take memory, the renewals among them, and let those through that take jobs from their workers.
_WHERE_FULL: Final = "#!lua flags=allow-oom\n" + PRELUDE


@dataclass(frozen=True, slots=True)
class Script:
    """A script's name, text, and the SHA-1 by which EVALSHA names it (Redis's choice of hash)."""

    name: str
    text: str

    @property
    def sha(self) -> str:
        """The digest that `SCRIPT LOAD` gives."""
        return sha1(self.text.encode("utf-8"), usedforsecurity=False).hexdigest()


#: KEYS: nonce, idempotency or ''. ARGV: id, seal, and lines that are cheaper to pack as one text:
#: nonce ttl ms, body digest, idempotency ttl ms, not_before ms, expires ms, producer, rate's
#: interval ms (0: none), its burst, open jobs allowed (0: any), the earliest and the latest that
#: it may be by the gateway's clock, then the record's fields and values. Gives outcome, id, ms to
#: wait.
#: Requests are fresh by the gateway's clock, and nonces are forgotten by Redis's: where the two are
#: apart, a nonce could be forgotten while its request is still fresh.
#: The rate is GCRA (ITU-T I.371): one number, the theoretical arrival time, per producer.
ACCEPT: Final = Script(
    "accept",
    PRELUDE
    + """
local a = {}
for line in string.gmatch(ARGV[3], '([^\\n]*)\\n') do a[#a + 1] = line end
if now < tonumber(a[10]) or now > tonumber(a[11]) then return {'clock', '', 0} end
-- Whatever comes of the request: one that was refused may not be sent again by who recorded it.
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', a[1]) then return {'replayed', '', 0} end
if KEYS[2] ~= '' then
  local first = redis.call('GET', KEYS[2])
  if first then
    local bar = string.find(first, '|', 1, true)
    if string.sub(first, bar + 1) ~= a[2] then return {'mismatch', '', 0} end
    return {'existing', string.sub(first, 1, bar - 1), 0}
  end
end
local producer, interval = a[6], tonumber(a[7])
local arrival = 0
if interval > 0 then
  arrival = math.max(now, tonumber(redis.call('GET', 'cs:rate:' .. producer) or 0))
  local wait = arrival - now - (tonumber(a[8]) - 1) * interval
  if wait > 0 then return {'limited', '', math.ceil(wait)} end
end
local allowed = tonumber(a[9])
if allowed > 0 and tonumber(redis.call('HGET', 'cs:open', producer) or 0) >= allowed then
  return {'full', '', 0}
end
local id = ARGV[1]
if redis.call('EXISTS', job_key(id)) == 1 then return redis.error_reply('ERR job id exists') end
if interval > 0 then
  arrival = arrival + interval
  redis.call('SET', 'cs:rate:' .. producer, string.format('%.3f', arrival),
    'PX', math.ceil(arrival - now) + 1000)
end
redis.call('HINCRBY', 'cs:open', producer, 1)
local due = math.max(now, tonumber(a[4]))
redis.call('HSET', job_key(id), 'state', 'queued', 'accepted', now, 'due', due,
  'expires', a[5], 'attempt', 0, 'published', 0, 'taken', 0, unpack(a, 12))
redis.call('SET', 'cs:seal:' .. id, ARGV[2])
redis.call('ZADD', 'cs:due', due, id)
redis.call('ZADD', 'cs:expiring', a[5], id)
redis.call('ZADD', 'cs:producer:' .. producer, 0, id)
if KEYS[2] ~= '' then
  redis.call('SET', KEYS[2], id .. '|' .. a[2], 'PX', a[3])
end
redis.call('PUBLISH', 'cs:wake', due)
return {'accepted', id, 0}
""",
)

#: ARGV: limit, retention ms. Gives a flat list: id, queue, task, priority, seal, ...
TAKE_DUE: Final = Script(
    "take_due",
    _WHERE_FULL
    + """
local out = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'cs:due', '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local r = redis.call('HMGET', job_key(id), 'state', 'queue', 'task', 'priority', 'expires')
  local seal = redis.call('GET', 'cs:seal:' .. id)
  redis.call('ZREM', 'cs:due', id)
  local whole = seal and r[2] and r[3] and r[4] and tonumber(r[5] or '')
  if r[1] == 'queued' and whole then
    if tonumber(r[5]) <= now then
      finish(id, 'expired', 'expired', ARGV[2])
    else
      redis.call('ZADD', 'cs:published:' .. r[2], now, id)
      redis.call('HINCRBY', job_key(id), 'published', 1)
      for _, value in ipairs({id, r[2], r[3], r[4], seal}) do out[#out + 1] = value end
    end
  elseif r[1] == 'queued' then
    for _, value in ipairs({id, '', '', '', ''}) do out[#out + 1] = value end
  end
end
return out
""",
)

#: ARGV: queue, hints that lie in the broker's queue, age ms, limit. Gives how many became due.
#: No more than are missing, the oldest first: what the queue still holds is not published twice.
REPUBLISH: Final = Script(
    "republish",
    _WHERE_FULL
    + """
local key = 'cs:published:' .. ARGV[1]
local most = math.min(redis.call('ZCARD', key) - tonumber(ARGV[2]), tonumber(ARGV[4]))
if most <= 0 then return 0 end
local ids = redis.call('ZRANGEBYSCORE', key, '-inf', now - tonumber(ARGV[3]), 'LIMIT', 0, most)
for _, id in ipairs(ids) do
  redis.call('ZREM', key, id)
  if redis.call('HGET', job_key(id), 'state') == 'queued' then
    redis.call('ZADD', 'cs:due', now, id)
  end
end
return #ids
""",
)

#: ARGV: queue, hints that lie in the broker's queue, ids in the order in which they were published.
#: Gives how many became due: no more than are missing, the last first, for a broker takes them in
#: order. Due when they were before, so that no later job overtakes them. The count of hints stays:
#: some may have arrived nonetheless.
GIVE_BACK: Final = Script(
    "give_back",
    _WHERE_FULL
    + """
local key = 'cs:published:' .. ARGV[1]
local most, count = redis.call('ZCARD', key) - tonumber(ARGV[2]), 0
for i = #ARGV, 3, -1 do
  if count >= most then break end
  local r = redis.call('HMGET', job_key(ARGV[i]), 'state', 'due')
  if redis.call('ZREM', key, ARGV[i]) == 1 and r[1] == 'queued' then
    redis.call('ZADD', 'cs:due', tonumber(r[2] or '') or now, ARGV[i])
    count = count + 1
  end
end
return count
""",
)

#: ARGV: id, worker, lease ms, retention ms, token of the delivery. Gives state or 'claimed',
#: attempt, 1 for a hint too many (somebody put it there a second time), the time, attempts allowed.
#: Asked again with the token that claimed, it answers the same, and a token's hint is counted once:
#: a lost reply costs nothing.
CLAIM: Final = Script(
    "claim",
    _WHERE_FULL
    + """
local id = ARGV[1]
local key = job_key(id)
local r = redis.call('HMGET', key, 'state', 'attempt', 'due', 'expires', 'published', 'queue',
  'max_attempts', 'claim', 'counted')
for i = 1, 7 do
  if not r[i] then return {'unknown', 0, 1, now, 0} end
end
local token = ARGV[5] or ''
if r[1] == 'running' and token ~= '' and r[8] == token then
  redis.call('ZADD', 'cs:running', 'XX', now + tonumber(ARGV[3]), id)
  return {'claimed', tonumber(r[2]), 0, now, tonumber(r[7])}
end
local extra = 0
if token == '' or r[9] ~= token then
  if redis.call('HINCRBY', key, 'taken', 1) > tonumber(r[5]) then extra = 1 end
  redis.call('HSET', key, 'counted', token)
end
if r[1] ~= 'queued' then return {r[1], tonumber(r[2]), extra, now, tonumber(r[7])} end
if tonumber(r[4]) <= now then
  finish(id, 'expired', 'expired', ARGV[4])
  return {'expired', tonumber(r[2]), extra, now, tonumber(r[7])}
end
if tonumber(r[3]) > now then return {'early', tonumber(r[2]), extra, now, tonumber(r[7])} end
local attempt = r[2] + 1
redis.call('HSET', key, 'state', 'running', 'attempt', attempt, 'worker', ARGV[2],
  'started', now, 'claim', token)
redis.call('ZREM', 'cs:published:' .. r[6], id)
redis.call('ZREM', 'cs:due', id)
redis.call('ZADD', 'cs:running', now + tonumber(ARGV[3]), id)
return {'claimed', attempt, extra, now, tonumber(r[7])}
""",
)

#: ARGV: lease ms, then id, attempt, ... Gives one 1 (renewed) or 0 (no longer ours) each.
RENEW: Final = Script(
    "renew",
    _WHERE_FULL
    + """
local out = {}
for i = 2, #ARGV, 2 do
  local r = redis.call('HMGET', job_key(ARGV[i]), 'state', 'attempt')
  if r[1] == 'running' and r[2] == ARGV[i + 1] then
    redis.call('ZADD', 'cs:running', 'XX', now + tonumber(ARGV[1]), ARGV[i])
    out[#out + 1] = 1
  else
    out[#out + 1] = 0
  end
end
return out
""",
)

#: ARGV: id, attempt, 'succeeded' | 'failed' | 'retry' | 'release' | 'lost', sealed result, reason,
#: delay ms, retention ms. 'release' is a retry of an attempt that could not begin: it is not
#: counted. Gives the state after, or 'stale' where this attempt no longer holds the job.
SETTLE: Final = Script(
    "settle",
    _WHERE_FULL
    + """
local id = ARGV[1]
local r = redis.call('HMGET', job_key(id), 'state', 'attempt', 'max_attempts', 'expires')
if r[1] ~= 'running' or r[2] ~= ARGV[2] then return 'stale' end
if ARGV[3] == 'lost' then return lose(id, tonumber(ARGV[6]), ARGV[7], ARGV[5]) end
if ARGV[3] == 'release' then r[3] = redis.call('HINCRBY', job_key(id), 'max_attempts', 1) end
if ARGV[3] == 'retry' or ARGV[3] == 'release' then
  local due = now + tonumber(ARGV[6])
  if due >= tonumber(r[4]) then
    finish(id, 'expired', ARGV[5], ARGV[7])
    return 'expired'
  end
  if tonumber(r[2]) < tonumber(r[3]) then
    requeue(id, due, ARGV[5])
    return 'queued'
  end
  finish(id, 'failed', ARGV[5], ARGV[7])
  return 'failed'
end
redis.call('SET', 'cs:result:' .. id, ARGV[4], 'PX', ARGV[7])
finish(id, ARGV[3], ARGV[5], ARGV[7])
return ARGV[3]
""",
)

#: ARGV: limit, delay ms, retention ms. Gives a flat list: id, state after, ... A record that cannot
#: be read is 'damaged' and left alone: it must not keep others from coming back.
REAP: Final = Script(
    "reap",
    _WHERE_FULL
    + """
local out = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'cs:running', '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', 'cs:running', id)
  local r = redis.call('HMGET', job_key(id), 'state', 'attempt', 'max_attempts', 'expires', 'queue')
  if r[1] == 'running' then
    local whole = tonumber(r[2]) and tonumber(r[3]) and tonumber(r[4]) and r[5]
    out[#out + 1] = id
    out[#out + 1] = whole and lose(id, tonumber(ARGV[2]), ARGV[3], 'worker_lost') or 'damaged'
  end
end
return out
""",
)

#: ARGV: limit, retention ms. Gives the ids of jobs that expired before they ran.
EXPIRE: Final = Script(
    "expire",
    _WHERE_FULL
    + """
local out = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'cs:expiring', '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local state = redis.call('HGET', job_key(id), 'state')
  redis.call('ZREM', 'cs:expiring', id)
  if state == 'queued' or state == 'held' then
    finish(id, 'expired', 'expired', ARGV[2])
    out[#out + 1] = id
  end
end
return out
""",
)

#: ARGV: id, producer, retention ms. Gives the state before; 'queued' and 'held' were cancelled.
CANCEL: Final = Script(
    "cancel",
    _WHERE_FULL
    + """
local r = redis.call('HMGET', job_key(ARGV[1]), 'state', 'producer')
if not r[1] or r[2] ~= ARGV[2] then return 'unknown' end
if r[1] == 'queued' or r[1] == 'held' then
  finish(ARGV[1], 'cancelled', 'cancelled', ARGV[3])
end
return r[1]
""",
)

#: ARGV: id, 'release' | 'fail' | 'cancel', retention ms. An operator's word on a job; gives the
#: state before, or 'unknown'. Only a held job is released or failed. A released job that has used
#: its attempts up gets one more: somebody wants it to run.
OPERATE: Final = Script(
    "operate",
    _WHERE_FULL
    + """
local id, action = ARGV[1], ARGV[2]
local r = redis.call('HMGET', job_key(id), 'state', 'attempt', 'max_attempts', 'expires', 'error')
if not r[1] then return 'unknown' end
if action == 'cancel' and (r[1] == 'queued' or r[1] == 'held') then
  finish(id, 'cancelled', 'cancelled_by_operator', ARGV[3])
elseif action == 'fail' and r[1] == 'held' then
  finish(id, 'failed', 'failed_by_operator', ARGV[3])
elseif action == 'release' and r[1] == 'held' then
  if now >= tonumber(r[4]) then
    finish(id, 'expired', 'expired', ARGV[3])
    return r[1]
  end
  redis.call('ZREM', 'cs:held', id)
  if tonumber(r[2]) >= tonumber(r[3]) then
    redis.call('HSET', job_key(id), 'max_attempts', r[2] + 1)
  end
  requeue(id, now, r[5] or '')
end
return r[1]
""",
)

#: ARGV: limit. Takes jobs whose retention is over out of their producers' index; gives how many.
FORGET: Final = Script(
    "forget",
    _WHERE_FULL
    + """
local old = redis.call('ZRANGEBYSCORE', 'cs:forget', '-inf', now, 'LIMIT', 0, ARGV[1])
for _, entry in ipairs(old) do
  redis.call('ZREM', 'cs:forget', entry)
  local id, producer = string.match(entry, '^(%S+) (%S+)$')
  if id then redis.call('ZREM', 'cs:producer:' .. producer, id) end
end
return #old
""",
)

ALL: Final = (
    ACCEPT,
    TAKE_DUE,
    REPUBLISH,
    GIVE_BACK,
    CLAIM,
    RENEW,
    SETTLE,
    REAP,
    EXPIRE,
    CANCEL,
    OPERATE,
    FORGET,
)
