-- lua/shared/ttl.lua
-- needs: RANKING, VALUES
-- gives: keep_alive(structure_ms, sliding, entry_ms)
-- Both keys of a pair carry one deadline, never nearer than an entry needs; 0 means for ever.
-- A deadline that slides by less than a hundredth stays: two writes less for almost every use.
local function keep_alive(structure_ms, sliding, entry_ms)
  if structure_ms == 0 then return end
  local left_ms = redis.call('PTTL', VALUES)
  local wanted_ms = left_ms
  if left_ms < 0 or (sliding and structure_ms * 0.99 > left_ms) then wanted_ms = structure_ms end
  if entry_ms > wanted_ms then wanted_ms = entry_ms end
  if wanted_ms == left_ms then return end
  redis.call('PEXPIRE', RANKING, wanted_ms)
  redis.call('PEXPIRE', VALUES, wanted_ms)
end
