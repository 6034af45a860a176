-- lua/shared/lease_life.lua
-- needs: LEASES, lease_of
-- gives: keep_leases(now_ms) -> nothing
-- Leases of processes that died expire with their key; if that is always in use, a few are removed
-- at a time.
local LEASES_MS, MANY_LEASES, LEASE_SAMPLE = 600000, 64, 4

local function keep_leases(now_ms)
  if redis.call('PTTL', LEASES) < LEASES_MS / 2 then redis.call('PEXPIRE', LEASES, LEASES_MS) end
  if redis.call('HLEN', LEASES) < MANY_LEASES then return end
  for _, field in ipairs(redis.call('HRANDFIELD', LEASES, LEASE_SAMPLE)) do
    -- Far ahead are those from before the server's clock was set back. Other names are stamps.
    local is_old = #field == 20 and math.abs(lease_of(field) - now_ms) > LEASES_MS
    if is_old then redis.call('HDEL', LEASES, field) end
  end
end
