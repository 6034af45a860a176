-- lua/op/peek.lua
-- needs: VALUES, clock, epoch_of
-- ARGV: field, forced_us, method
-- returns: {now_us, entry or false, epoch or false, milliseconds the pair has left or -1}; writes nothing
local entry = redis.call('HGET', VALUES, ARGV[1])
return {clock(ARGV[2]), entry, epoch_of(ARGV[3]), redis.call('PTTL', VALUES)}
