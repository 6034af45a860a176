-- lua/shared/heal.lua
-- needs: RANKING, VALUES
-- gives: heal(fields) -> number of fields ranked
-- Redis may evict either key of a pair, and a field TTL removes a value alone: what is left of such
-- a half is useless and would break the bound, so it is removed: of these fields, and a few more.
-- A pair that has as many members as values is taken to be whole.
local HEAL_BATCH = 16

local function drop_orphans(fields)
  for _, field in ipairs(fields) do
    if not redis.call('ZSCORE', RANKING, field) then redis.call('HDEL', VALUES, field) end
  end
end

local function heal(fields)
  local members, values = redis.call('ZCARD', RANKING), redis.call('HLEN', VALUES)
  if members == values then return members end
  if members == 0 or values == 0 then
    redis.call('UNLINK', RANKING, VALUES)
    return 0
  end
  local lost = {}
  for _, field in ipairs(fields) do
    if redis.call('HEXISTS', VALUES, field) == 0 then lost[#lost + 1] = field end
  end
  if #lost > 0 then members = members - redis.call('ZREM', RANKING, unpack(lost)) end
  if values > members then
    drop_orphans(fields)
    drop_orphans(redis.call('HRANDFIELD', VALUES, HEAL_BATCH))
  end
  return members
end
