-- Reads values until they are as large as ARGV[1] bytes together, but at least one. KEYS: the values.
-- Gives for each that was looked at the value, or nil when it is gone, and the ms it has left or -1. It needs no prelude.
local read, bytes, most = {}, 0, tonumber(ARGV[1])
for _, name in ipairs(KEYS) do
  local size = redis.call('STRLEN', name)
  if bytes > 0 and bytes + size > most then break end
  bytes = bytes + size
  table.insert(read, redis.call('GET', name))
  table.insert(read, redis.call('PTTL', name))
end
return read
