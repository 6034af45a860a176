-- lua/shared/rank.lua
-- needs: RANKING
-- gives: above_all() -> a score above every other, pop(command, n) -> fields taken out
local function above_all()
  local top = redis.call('ZRANGE', RANKING, -1, -1, 'WITHSCORES')
  return top[2] and tonumber(top[2]) + 1 or 1
end

local function pop(command, n)
  local popped, fields = redis.call(command, RANKING, n), {}
  for i = 1, #popped, 2 do fields[#fields + 1] = popped[i] end
  return fields
end
