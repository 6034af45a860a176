-- lua/op/peek.lua
-- needs: VALUES, clock
-- ARGV: field, forced_us
-- returns: {now_ms, entry or false, milliseconds the pair has left or -1}; writes nothing
local now_us = clock(ARGV[2])
return {math.floor(now_us / 1000), redis.call('HGET', VALUES, ARGV[1]), redis.call('PTTL', VALUES)}
