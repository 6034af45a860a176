-- lua/policy/lru_t.lua
-- needs: RANKING, newest, rank, take
-- gives: admit_all, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- Evicts the least recently used, by the instant of the last use, which never moves back.
local OVERWRITE_IS_HIT = true
local HIT_SCORE = 'instant'

local function admit_all(fields, now_us)
  rank(fields, newest(now_us), 0)
end

local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', 'GT', now_us, field)
end

local function victims(n)
  return take(0, n - 1)
end
