-- lua/policy/lru.lua
-- needs: RANKING, above_all, pop
-- gives: admit, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- Evicts the least recently used, by a running number: exact, one more lookup a hit than lru_t.
local OVERWRITE_IS_HIT = true
local HIT_SCORE = 'above'

local function admit(field, now_us)
  redis.call('ZADD', RANKING, above_all(), field)
end

local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', above_all(), field)
end

local function victims(n)
  return pop('ZPOPMIN', n)
end
