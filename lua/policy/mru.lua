-- lua/policy/mru.lua
-- needs: RANKING, above_all, pop
-- gives: admit, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- Evicts the most recently used: for cyclic scans.
local OVERWRITE_IS_HIT = true
local HIT_SCORE = 'above'

local function admit(field, now_us)
  redis.call('ZADD', RANKING, above_all(), field)
end

local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', above_all(), field)
end

local function victims(n)
  return pop('ZPOPMAX', n)
end
