-- lua/op/discard.lua
-- needs: RANKING, VALUES
-- ARGV: field, length, bytes, or nothing for an entry that is too large whatever it holds
-- returns: 1 if the entry was still what somebody could not read, and is gone; else 0
local field, length, seen = ARGV[1], tonumber(ARGV[2]), ARGV[3]
-- Where a key is of a foreign type the script ends here, before it has written.
redis.call('ZCARD', RANKING)
if redis.call('HSTRLEN', VALUES, field) ~= length then return 0 end
-- A value of no bytes is as long as none.
if #seen == length and redis.call('HGET', VALUES, field) ~= seen then return 0 end
redis.call('ZREM', RANKING, field)
return redis.call('HDEL', VALUES, field)
