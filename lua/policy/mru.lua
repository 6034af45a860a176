-- lua/policy/mru.lua
-- needs: RANKING, above_all, rank, take
-- gives: admit_all, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- Evicts the most recently used: for cyclic scans. One put evicts the other, so they are not joined.
local OVERWRITE_IS_HIT = true
local HIT_SCORE = 'above'

local function admit_all(fields, now_us)
  rank(fields, above_all(), 1)
end

local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', above_all(), field)
end

local function victims(n)
  return take(-n, -1)
end
