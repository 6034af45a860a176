-- lua/shared/ttl.lua
-- needs: RANKING, VALUES, LEASES
-- gives: keep_alive(structure_ms, sliding, entry_ms)
-- Ranking and values carry one deadline, never nearer than an entry needs; 0 means for ever. The key
-- of leases outlives them, for it has the epochs of the entries.
-- A deadline that slides by less than a hundredth stays: writes less for almost every use.
-- A ranking is new where the values are not if all that it held has been evicted.
local OUTLIVES_MS = 600000

local function keep_alive(structure_ms, sliding, entry_ms)
  if structure_ms == 0 then
    if redis.call('PTTL', LEASES) >= 0 then redis.call('PERSIST', LEASES) end
    return
  end
  local left_ms, is_new = redis.call('PTTL', VALUES), redis.call('PTTL', RANKING) < 0
  local begins = is_new or left_ms < 0 or (sliding and structure_ms * 0.99 > left_ms)
  local wanted_ms = math.max(left_ms, entry_ms, begins and structure_ms or 0)
  if wanted_ms == left_ms and not is_new then return end
  redis.call('PEXPIRE', RANKING, wanted_ms)
  redis.call('PEXPIRE', VALUES, wanted_ms)
  redis.call('PEXPIRE', LEASES, wanted_ms + OUTLIVES_MS)
end
