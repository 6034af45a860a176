-- lua/shared/evict.lua
-- needs: VALUES, victims
-- gives: evict(excess) -> how many entries were evicted
-- Batches, because `unpack` refuses some 8,000 values.
local EVICT_BATCH = 1000

local function evict(excess)
  local evicted = 0
  while evicted < excess do
    local fields = victims(math.min(excess - evicted, EVICT_BATCH))
    if #fields == 0 then break end
    redis.call('HDEL', VALUES, unpack(fields))
    evicted = evicted + #fields
  end
  return evicted
end
