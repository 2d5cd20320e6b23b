-- Deletes an entry. KEYS: keys, expiries, the value. ARGV: the key. Gives 1 when there was one that had not expired, else 0.
local found = redis.call('DEL', KEYS[3])
forget({ARGV[1]})
settle()
return found
