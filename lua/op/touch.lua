-- lua/op/touch.lua
-- needs: RANKING, VALUES, LEASES, keep_alive, touch
-- ARGV: structure_ms, sliding, then touches
-- returns: nothing
local structure_ms, sliding = tonumber(ARGV[1]), ARGV[2] == '1'
-- Where a key is of a foreign type the script ends here, before it has written.
redis.call('ZCARD', RANKING)
redis.call('HLEN', VALUES)
redis.call('HLEN', LEASES)
touch(ARGV, 3)
if sliding then keep_alive(structure_ms, sliding, 0) end
