-- Tells what an insert would find, and changes nothing. KEYS: keys, expiries. ARGV: the key.
-- Gives how many keys count, whether the key is one of them (1 or 0), and the ms it has left or -1.
local key = ARGV[1]
local there, expires = known(key)
return {count(), there and 1 or 0, there and expires and expires - now or -1}
