-- lua/op/discard.lua
-- needs: RANKING, VALUES
-- ARGV: field, length, bytes, or nothing for an entry that is too large whatever it holds
-- returns: 1 if the entry was still the one that could not be read, and has been removed; else 0
local field, length, seen = ARGV[1], tonumber(ARGV[2]), ARGV[3]
-- Where a key is of a foreign type the script ends here, before it has written.
redis.call('ZCARD', RANKING)
if redis.call('HSTRLEN', VALUES, field) ~= length then return 0 end
-- An empty value is as long as a missing one.
if #seen == length and redis.call('HGET', VALUES, field) ~= seen then return 0 end
redis.call('ZREM', RANKING, field)
return redis.call('HDEL', VALUES, field)
