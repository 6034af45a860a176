-- lua/shared/clock.lua
-- gives: clock(forced_us) -> microseconds of server time
-- `forced_us` is 0, except in tests that set the clock.
local function clock(forced_us)
  local forced = tonumber(forced_us)
  if forced > 0 then return forced end
  local now = redis.call('TIME')
  return now[1] * 1000000 + now[2]
end
