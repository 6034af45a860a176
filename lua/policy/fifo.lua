-- lua/policy/fifo.lua
-- needs: above_all, rank, take
-- gives: admit_all, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- First in, first out, by a running number.
local OVERWRITE_IS_HIT = false
local HIT_SCORE = false

local function admit_all(fields, now_us)
  rank(fields, above_all(), 1)
end

local function hit(field, now_us, n)
  -- the order of arrival does not change
end

local function victims(n)
  return take(0, n - 1)
end
