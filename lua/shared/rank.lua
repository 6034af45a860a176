-- lua/shared/rank.lua
-- needs: RANKING
-- gives: above_all() -> a score above every other, newest(now_us) -> a score for what is new now,
--   pop(command, n) -> fields taken out
local function above_all()
  local top = redis.call('ZRANGE', RANKING, -1, -1, 'WITHSCORES')
  return top[2] and tonumber(top[2]) + 1 or 1
end

-- The instant, but above every other also where the server's clock has been set back: what is new
-- would be evicted first until the clock has caught up.
local function newest(now_us)
  return math.max(now_us, above_all())
end

local function pop(command, n)
  local popped, fields = redis.call(command, RANKING, n), {}
  for i = 1, #popped, 2 do fields[#fields + 1] = popped[i] end
  return fields
end
