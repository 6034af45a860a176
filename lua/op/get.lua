-- lua/op/get.lua
-- needs: VALUES, clock, is_alive, epoch_of, is_current, keep_alive, hit
-- ARGV: field, forced_us, method, structure_ms, sliding
-- returns: {now_us, entry or false, epoch or false}; a hit is recorded, an expired entry counts as
--   absent. One of another epoch is no hit; the client tells it from one that it cannot read.
local field, now_us, epoch = ARGV[1], clock(ARGV[2]), epoch_of(ARGV[3])
local structure_ms, sliding = tonumber(ARGV[4]), ARGV[5] == '1'

local entry = redis.call('HGET', VALUES, field)
if not entry or not is_alive(entry, math.floor(now_us / 1000)) then return {now_us, false, epoch} end
if not is_current(entry) then return {now_us, entry, epoch} end

hit(field, now_us, 1)
if sliding then keep_alive(structure_ms, sliding, 0) end
return {now_us, entry, epoch}
