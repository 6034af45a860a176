-- lua/shared/sweep.lua
-- needs: RANKING, VALUES, is_alive, is_current
-- gives: sweep(now_ms) -> how many expired or invalidated entries were removed
-- Looks at a few members, so that dead entries make room for live ones.
-- Large values are left to the policy: reading them here would cost more than the slot is worth.
local SWEEP_SAMPLE, SWEEP_BYTES = 8, 16384

local function sweep(now_ms)
  local dead = {}
  for _, field in ipairs(redis.call('ZRANDMEMBER', RANKING, SWEEP_SAMPLE)) do
    local size = redis.call('HSTRLEN', VALUES, field)
    local is_dead = size == 0
    if size > 0 and size <= SWEEP_BYTES then
      local entry = redis.call('HGET', VALUES, field)
      is_dead = not (is_alive(entry, now_ms) and is_current(entry))
    end
    if is_dead then dead[#dead + 1] = field end
  end
  if #dead == 0 then return 0 end
  redis.call('HDEL', VALUES, unpack(dead))
  return redis.call('ZREM', RANKING, unpack(dead))
end
