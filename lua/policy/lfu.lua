-- lua/policy/lfu.lua
-- needs: RANKING, pop
-- gives: admit, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- Evicts the least frequently used; ties by the bytes of the field.
local OVERWRITE_IS_HIT = false
local HIT_SCORE = false

local function admit(field, now_us)
  redis.call('ZADD', RANKING, 1, field)
end

local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', 'INCR', n, field)
end

local function victims(n)
  return pop('ZPOPMIN', n)
end
