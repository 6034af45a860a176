-- lua/shared/heal.lua
-- needs: RANKING, VALUES
-- gives: heal(field) -> whether the field is whole, number of fields ranked
-- Redis may evict either key of a pair, and a field TTL removes a value alone: what is left of
-- such a half is useless and would break the bound, so it is removed.
local HEAL_BATCH = 16

local function heal(field)
  local ranked = redis.call('ZSCORE', RANKING, field)
  local valued = redis.call('HEXISTS', VALUES, field) == 1
  local members, values = redis.call('ZCARD', RANKING), redis.call('HLEN', VALUES)
  if members == 0 and values > 0 then
    redis.call('UNLINK', VALUES)
    return false, 0
  end
  if values == 0 and members > 0 then
    redis.call('UNLINK', RANKING)
    return false, 0
  end
  if ranked and not valued then members = members - redis.call('ZREM', RANKING, field) end
  if valued and not ranked then values = values - redis.call('HDEL', VALUES, field) end
  if values > members then
    for _, orphan in ipairs(redis.call('HRANDFIELD', VALUES, HEAL_BATCH)) do
      if not redis.call('ZSCORE', RANKING, orphan) then redis.call('HDEL', VALUES, orphan) end
    end
  end
  return ranked and valued, members
end
