-- lua/shared/ttl.lua
-- needs: RANKING, VALUES
-- gives: keep_alive(structure_ms, sliding, entry_ms)
-- Both keys of a pair carry one deadline, never nearer than an entry needs; 0 means for ever.
-- A deadline that slides by less than a hundredth stays: two writes less for almost every use.
-- A ranking may be new where the values are not: their fields end by themselves on some servers.
local function keep_alive(structure_ms, sliding, entry_ms)
  if structure_ms == 0 then return end
  local left_ms, ranking_ends = redis.call('PTTL', VALUES), redis.call('PTTL', RANKING) ~= -1
  local wanted_ms = left_ms
  if left_ms < 0 or (sliding and structure_ms * 0.99 > left_ms) then wanted_ms = structure_ms end
  if entry_ms > wanted_ms then wanted_ms = entry_ms end
  if wanted_ms == left_ms and ranking_ends then return end
  redis.call('PEXPIRE', RANKING, wanted_ms)
  redis.call('PEXPIRE', VALUES, wanted_ms)
end
