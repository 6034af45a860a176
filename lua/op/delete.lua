-- lua/op/delete.lua
-- needs: RANKING, VALUES, LEASES, end_lease
-- ARGV: at most 1,000 fields
-- returns: how many entries there were; what is being computed for them will not be stored
redis.call('ZCARD', RANKING)
redis.call('HLEN', LEASES)
local removed = redis.call('HDEL', VALUES, unpack(ARGV))
redis.call('ZREM', RANKING, unpack(ARGV))
for _, field in ipairs(ARGV) do end_lease(field) end
return removed
