-- lua/op/peek.lua
-- needs: VALUES, clock, epoch_of, tags_of
-- ARGV: field, forced_us, method; if it may have tags, those of the call
-- returns: {now_us, entry or false, epoch or false, milliseconds the pair has left or -1, tags if asked
--   for}; writes nothing
local entry = redis.call('HGET', VALUES, ARGV[1])
local tags = ARGV[4] and tags_of(ARGV[4]) or nil
return {clock(ARGV[2]), entry, epoch_of(ARGV[3]), redis.call('PTTL', VALUES), tags}
