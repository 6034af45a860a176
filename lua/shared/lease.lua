-- lua/shared/lease.lua
-- needs: LEASES, epoch_of
-- gives: lease_of(field) -> deadline_ms, token, awaited, origin;
--   set_lease(field, deadline_ms, token, awaited, origin), end_lease(field), NO_HOLDER,
--   LONGEST_PAUSE_MS
-- A lease is 8 bytes of deadline, 16 of token, 1 that says whether a caller waits for its end, and
-- its origin: 8 of the method's epoch when its computation began, 8 of the method. The deadline says
-- when others may take over; the token, which computation may store. If the method has another epoch
-- by now, the lease no longer counts.
local NO_HOLDER, LONGEST_PAUSE_MS = string.rep('\0', 16), 30000

local function lease_of(field)
  local lease = redis.call('HGET', LEASES, field)
  if not lease or #lease ~= 41 then return 0, '', false end
  if epoch_of(string.sub(lease, 34)) ~= string.sub(lease, 26, 33) then return 0, '', false end
  local deadline_ms, awaited = struct.unpack('<I8', lease), string.byte(lease, 25) == 1
  return deadline_ms, string.sub(lease, 9, 24), awaited, string.sub(lease, 26)
end

local function set_lease(field, deadline_ms, token, awaited, origin)
  local flag = string.char(awaited and 1 or 0)
  redis.call('HSET', LEASES, field, struct.pack('<I8', deadline_ms) .. token .. flag .. origin)
end

local function end_lease(field)
  local lease = redis.call('HGET', LEASES, field)
  if not lease then return end
  redis.call('HDEL', LEASES, field)
  -- pcall: where messages are not allowed, callers that wait look again later.
  if string.byte(lease, 25) == 1 then redis.pcall('PUBLISH', LEASES, field) end
end
