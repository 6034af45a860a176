-- lua/op/get.lua
-- needs: VALUES, clock, is_alive, keep_alive, hit
-- ARGV: field, forced_us, structure_ms, sliding
-- returns: {now_us, entry or false}; a hit is recorded, an expired entry counts as absent
local field, now_us = ARGV[1], clock(ARGV[2])
local structure_ms, sliding = tonumber(ARGV[3]), ARGV[4] == '1'

local entry = redis.call('HGET', VALUES, field)
if not entry or not is_alive(entry, math.floor(now_us / 1000)) then return {now_us, false} end

hit(field, now_us, 1)
if sliding then keep_alive(structure_ms, sliding, 0) end
return {now_us, entry}
