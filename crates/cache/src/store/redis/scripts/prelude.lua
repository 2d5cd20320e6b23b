-- What the scripts have in common. Each has the account's `keys` and `expiries` as its first two keys.
local keys, expiries = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Whether a key is there and has not expired; the second value is when it does, if it does.
local function known(key)
  local expires = tonumber(redis.call('ZSCORE', expiries, key) or nil)
  return redis.call('ZSCORE', keys, key) and not (expires and expires < now), expires
end

-- How many keys have not expired. Redis tells nobody in time when a value expires, so those that have are counted out.
local function count()
  return redis.call('ZCARD', keys) - redis.call('ZCOUNT', expiries, '-inf', '(' .. now)
end

-- Forgets keys; their values are Redis' own affair, or gone already.
local function forget(gone)
  redis.call('ZREM', keys, unpack(gone))
  redis.call('ZREM', expiries, unpack(gone))
end

-- Lets the sets of an account end with its last entry if all of them expire: an account that nobody writes to any more leaves nothing behind.
local function settle()
  if redis.call('ZCARD', keys) > redis.call('ZCARD', expiries) then
    redis.call('PERSIST', keys)
    redis.call('PERSIST', expiries)
    return
  end
  local last = redis.call('ZRANGE', expiries, -1, -1, 'WITHSCORES')[2]
  if last then
    redis.call('PEXPIREAT', keys, last)
    redis.call('PEXPIREAT', expiries, last)
  end
end

