-- lua/shared/lease.lua
-- needs: LEASES
-- gives: lease_of(field) -> deadline_ms, token, awaited,
--   set_lease(field, deadline_ms, token, awaited), end_lease(field), NOBODY
-- A lease is 8 bytes of deadline, 16 of token, 1 that tells whether somebody waits for its end.
-- The deadline says when others may take over; the token, who may store.
local NOBODY = string.rep('\0', 16)

local function lease_of(field)
  local lease = redis.call('HGET', LEASES, field)
  if not lease or #lease ~= 25 then return 0, '', false end
  return (struct.unpack('<I8', lease)), string.sub(lease, 9, 24), string.byte(lease, 25) == 1
end

local function set_lease(field, deadline_ms, token, awaited)
  local flag = string.char(awaited and 1 or 0)
  redis.call('HSET', LEASES, field, struct.pack('<I8', deadline_ms) .. token .. flag)
end

local function end_lease(field)
  local _, _, awaited = lease_of(field)
  redis.call('HDEL', LEASES, field)
  -- pcall: who waits looks again by himself, later, where messages are not allowed.
  if awaited then redis.pcall('PUBLISH', LEASES, field) end
end
