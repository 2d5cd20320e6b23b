-- Stores an entry within the account's limit, or changes nothing.
-- KEYS: keys, expiries, the value. ARGV: the key, the value, the limit, the time to live in ms or ''.
-- Gives 1 when it is stored, 0 when the account has as many keys as it may have.
local key, limit, ttl = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
if not known(key) and count() >= limit then return 0 end

-- The first write of all: a Redis without memory refuses a script only until it has written something.
if ttl then
  local expires = string.format('%.0f', now + ttl)
  redis.call('SET', KEYS[3], ARGV[2], 'PXAT', expires)
  redis.call('ZADD', expiries, expires, key)
else
  redis.call('SET', KEYS[3], ARGV[2])
  redis.call('ZREM', expiries, key)
end
redis.call('ZADD', keys, 0, key)

-- Some at a time, as an account may have very many; what is left does not count.
local gone = redis.call('ZRANGEBYSCORE', expiries, '-inf', '(' .. now, 'LIMIT', 0, 64)
if #gone > 0 then forget(gone) end
settle()
return 1
