-- lua/op/get.lua
-- needs: VALUES, clock, is_alive, epoch_of, is_current, keep_alive, hit, tags_of
-- ARGV: field, forced_us, method, structure_ms, sliding; if it may have tags, those of the call
-- returns: {now_us, entry or false, epoch or false, tags if asked for}; a hit is recorded, an expired entry counts as
--   absent. One of another epoch is no hit; the client tells it from one that it cannot read.
local field, now_us, epoch = ARGV[1], clock(ARGV[2]), epoch_of(ARGV[3])
local structure_ms, sliding = tonumber(ARGV[4]), ARGV[5] == '1'
local tags = ARGV[6] and tags_of(ARGV[6]) or nil

local entry = redis.call('HGET', VALUES, field)
if not entry or not is_alive(entry, math.floor(now_us / 1000)) then return {now_us, false, epoch, tags} end
if not is_current(entry) then return {now_us, entry, epoch, tags} end

hit(field, now_us, 1)
if sliding then keep_alive(structure_ms, sliding, 0) end
return {now_us, entry, epoch, tags}
