-- lua/policy/lru_t.lua
-- needs: RANKING, pop
-- gives: admit, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- Least recently used goes, by the instant of the last use.
local OVERWRITE_IS_HIT = true
local HIT_SCORE = 'instant'

local function admit(field, now_us)
  redis.call('ZADD', RANKING, now_us, field)
end

local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', now_us, field)
end

local function victims(n)
  return pop('ZPOPMIN', n)
end
