-- lua/shared/lease_life.lua
-- needs: VALUES, LEASES
-- gives: keep_leases(now_ms) -> nothing; by the server's own clock
-- The key lives longer than the values: without the epochs in it they count for nothing. Leases of
-- processes that died are removed a few at a time. The first 8 bytes of a lease are its deadline.
local LEASES_MS, MANY_LEASES, LEASE_SAMPLE = 600000, 64, 4

local function keep_key()
  local left_ms, values_ms = redis.call('PTTL', LEASES), redis.call('PTTL', VALUES)
  if values_ms == -1 then
    if left_ms >= 0 then redis.call('PERSIST', LEASES) end
  elseif left_ms < math.max(values_ms, 0) + LEASES_MS / 2 then
    redis.call('PEXPIRE', LEASES, math.max(values_ms, 0) + LEASES_MS)
  end
end

local function keep_leases(now_ms)
  keep_key()
  if redis.call('HLEN', LEASES) < MANY_LEASES then return end
  for _, field in ipairs(redis.call('HRANDFIELD', LEASES, LEASE_SAMPLE)) do
    -- Other names are states of methods.
    local lease = #field == 20 and redis.call('HGET', LEASES, field)
    local deadline_ms = lease and #lease == 41 and struct.unpack('<I8', lease) or 0
    -- Far ahead are those from before the server's clock was set back.
    local is_old = lease and math.abs(deadline_ms - now_ms) > LEASES_MS
    if is_old then redis.call('HDEL', LEASES, field) end
  end
end
