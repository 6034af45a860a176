-- lua/shared/lease_life.lua
-- needs: LEASES
-- gives: keep_leases(now_ms) -> nothing; by the server's own clock
-- Leases of processes that died expire with their key; if that is always in use, a few are removed
-- at a time. The first 8 bytes of a lease are its deadline.
local LEASES_MS, MANY_LEASES, LEASE_SAMPLE = 600000, 64, 4

local function keep_leases(now_ms)
  if redis.call('PTTL', LEASES) < LEASES_MS / 2 then redis.call('PEXPIRE', LEASES, LEASES_MS) end
  if redis.call('HLEN', LEASES) < MANY_LEASES then return end
  for _, field in ipairs(redis.call('HRANDFIELD', LEASES, LEASE_SAMPLE)) do
    -- Other names are stamps.
    local lease = #field == 20 and redis.call('HGET', LEASES, field)
    local deadline_ms = lease and #lease == 41 and struct.unpack('<I8', lease) or 0
    -- Far ahead are those from before the server's clock was set back.
    local is_old = lease and math.abs(deadline_ms - now_ms) > LEASES_MS
    if is_old then redis.call('HDEL', LEASES, field) end
  end
end
