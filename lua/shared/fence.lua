-- lua/shared/fence.lua
-- needs: LEASES
-- gives: fence(fields, leases, tokens, first) -> overtaken, ended, awaited;
--   end_leases(ended, awaited), CLOCK
-- Which puts an invalidation or a later start has overtaken (their indices), whose leases end, and
-- which of those are waited for. The layout is that of shared/lease.lua. `leases` begins with the
-- pair's clock, which is not below the stamp of any method: only where it is above the clock of a
-- lease may the method have been stamped since, and the lease no longer count.
local CLOCK = 'clock'

local function is_void(lease, clock_us)
  if #lease ~= 41 then return true end
  if clock_us == 0 then return false end
  local began_us = struct.unpack('<I8', lease, 26)
  if clock_us <= began_us then return false end
  return tonumber(redis.call('HGET', LEASES, 'm' .. string.sub(lease, 34)) or 0) > began_us
end

local function fence(fields, leases, tokens, first)
  local clock_us, overtaken, ended, awaited = tonumber(leases[1] or 0), {}, {}, {}
  for i, field in ipairs(fields) do
    local lease, token = leases[i + 1], tokens[first + i]
    local is_over = lease and is_void(lease, clock_us)
    -- An empty token is found in each of them.
    local is_held = lease and not is_over and string.find(lease, token, 9, true) == 9
    if token ~= '' and not is_held then overtaken[#overtaken + 1] = i end
    local ends = is_held or is_over
    if ends then ended[#ended + 1] = field end
    if ends and string.byte(lease, 25) == 1 then awaited[#awaited + 1] = field end
  end
  return overtaken, ended, awaited
end

local function end_leases(ended, awaited)
  if #ended > 0 then redis.call('HDEL', LEASES, unpack(ended)) end
  -- pcall: where messages are not allowed, callers that wait look again later.
  for _, field in ipairs(awaited) do redis.pcall('PUBLISH', LEASES, field) end
end
