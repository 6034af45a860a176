-- lua/op/peek.lua
-- needs: VALUES, clock
-- ARGV: field, forced_us
-- returns: {now_us, entry or false, milliseconds the pair has left or -1}; writes nothing
return {clock(ARGV[2]), redis.call('HGET', VALUES, ARGV[1]), redis.call('PTTL', VALUES)}
