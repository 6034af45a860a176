-- lua/policy/lfu.lua
-- needs: RANKING, rank, take
-- gives: admit_all, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- Evicts the least frequently used; ties by the bytes of the field.
local OVERWRITE_IS_HIT = false
local HIT_SCORE = false

local function admit_all(fields, now_us)
  rank(fields, '1', 0)
end

local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', 'INCR', n, field)
end

local function victims(n)
  return take(0, n - 1)
end
