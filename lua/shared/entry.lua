-- lua/shared/entry.lua
-- gives: stamp(head, tail, now_ms, soft_ms, hard_ms) -> entry, is_alive(entry, now_ms), tag_of(entry),
--   SKEW_MS
-- The layout is that of runtime/src/entry/header.rs: 4 bytes of head, the check of the instants, the
-- instants of creation, soft and hard expiry (0: none), then the tail that the client made.

-- A prime below 2^32: no flip of a single bit of an instant keeps the sum.
local TIMES_MODULUS = 4294967291

local function stamp(head, tail, now_ms, soft_ms, hard_ms)
  local soft_at = soft_ms > 0 and now_ms + soft_ms or 0
  local hard_at = hard_ms > 0 and now_ms + hard_ms or 0
  local check = (now_ms * 3 + soft_at * 5 + hard_at * 7) % TIMES_MODULUS
  return head .. struct.pack('<I4I8I8I8', check, now_ms, soft_at, hard_at) .. tail
end

-- What was stamped later than now was stamped before the server's clock was set back: its age is
-- unknown, so it has expired. After a failover a clock may be late by as much as SKEW_MS.
local SKEW_MS = 100

-- What else is wrong with an entry, the client finds.
local function is_alive(entry, now_ms)
  if #entry < 64 then return true end
  local created_ms, _, hard_ms = struct.unpack('<I8I8I8', entry, 9)
  return created_ms <= now_ms + SKEW_MS and (hard_ms == 0 or hard_ms > now_ms)
end

local function tag_of(entry)
  if #entry < 64 then return '' end
  return string.sub(entry, 41, 48)
end
