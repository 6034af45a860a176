-- lua/policy/lru.lua
-- needs: RANKING, above_all, rank, take
-- gives: admit_all, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- Evicts the least recently used, by a running number: exact, one more lookup a hit than lru_t.
local OVERWRITE_IS_HIT = true
local HIT_SCORE = 'above'

local function admit_all(fields, now_us)
  rank(fields, above_all(), 1)
end

local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', above_all(), field)
end

local function victims(n)
  return take(0, n - 1)
end
