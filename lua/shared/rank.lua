-- lua/shared/rank.lua
-- needs: RANKING
-- gives: above_all() -> a score above every other, newest(now_us) -> a score for what is new now,
--   rank(fields, score, step), take(first, last) -> the fields of these places, taken out
local function above_all()
  local top = redis.call('ZRANGE', RANKING, -1, -1, 'WITHSCORES')
  return top[2] and tonumber(top[2]) + 1 or 1
end

-- The instant, but above every other also where the server's clock has been set back: what is new
-- would be evicted first until the clock has caught up. Text stays text, which costs a ZADD less.
local function newest(now_us)
  local above = above_all()
  return above > tonumber(now_us) and above or now_us
end

-- One command for all of them; each score is a step above the one before.
local function rank(fields, score, step)
  local scored = {}
  for i = 1, #fields do
    scored[2 * i - 1], scored[2 * i] = score, fields[i]
    if step > 0 then score = score + step end
  end
  redis.call('ZADD', RANKING, unpack(scored))
end

-- ZPOPMIN would write out the scores as well.
local function take(first, last)
  local fields = redis.call('ZRANGE', RANKING, first, last)
  if #fields > 0 then redis.call('ZREMRANGEBYRANK', RANKING, first, last) end
  return fields
end
