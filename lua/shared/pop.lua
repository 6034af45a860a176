-- lua/shared/pop.lua
-- needs: RANKING
-- gives: pop(command, n) -> fields taken out
-- For policies of users.
local function pop(command, n)
  local popped, fields = redis.call(command, RANKING, n), {}
  for i = 1, #popped, 2 do fields[#fields + 1] = popped[i] end
  return fields
end
