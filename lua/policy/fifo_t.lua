-- lua/policy/fifo_t.lua
-- needs: RANKING, newest, pop
-- gives: admit, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- First in, first out, by the instant of arrival.
local OVERWRITE_IS_HIT = false
local HIT_SCORE = false

local function admit(field, now_us)
  redis.call('ZADD', RANKING, newest(now_us), field)
end

local function hit(field, now_us, n)
  -- the order of arrival does not change
end

local function victims(n)
  return pop('ZPOPMIN', n)
end
