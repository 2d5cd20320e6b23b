-- Stores an entry within the account's limit, or changes nothing that can be seen.
-- KEYS: keys, expiries, the value. ARGV: the key, the value, the limit, the time to live in ms or ''.
-- Gives 1 when it is stored, 0 when the account has as many keys as it may have.
local key, limit, ttl = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])

-- In batches, and more than one only where room is needed: an account may have very many expired entries.
local function purge()
  local gone = redis.call('ZRANGEBYSCORE', expiries, '-inf', '(' .. now, 'LIMIT', 0, 64)
  if #gone > 0 then forget(gone) end
  return #gone > 0
end

purge()
if not known(key) then
  forget({key})
  while redis.call('ZCARD', keys) >= limit do
    if not purge() then return 0 end
  end
end
if ttl then
  local expires = string.format('%.0f', now + ttl)
  redis.call('SET', KEYS[3], ARGV[2], 'PXAT', expires)
  redis.call('ZADD', expiries, expires, key)
else
  redis.call('SET', KEYS[3], ARGV[2])
  redis.call('ZREM', expiries, key)
end
redis.call('ZADD', keys, 0, key)
settle()
return 1
