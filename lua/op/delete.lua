-- lua/op/delete.lua
-- needs: RANKING, VALUES
-- ARGV: fields, 1,000 at the most
-- returns: how many entries there were
redis.call('ZCARD', RANKING)
local removed = redis.call('HDEL', VALUES, unpack(ARGV))
redis.call('ZREM', RANKING, unpack(ARGV))
return removed
