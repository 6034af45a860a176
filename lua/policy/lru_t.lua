-- lua/policy/lru_t.lua
-- needs: RANKING, newest, pop
-- gives: admit, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- Evicts the least recently used, by the instant of the last use, which never moves back.
local OVERWRITE_IS_HIT = true
local HIT_SCORE = 'instant'

local function admit(field, now_us)
  redis.call('ZADD', RANKING, newest(now_us), field)
end

local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', 'GT', now_us, field)
end

local function victims(n)
  return pop('ZPOPMIN', n)
end
