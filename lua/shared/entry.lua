-- lua/shared/entry.lua
-- gives: stamp(head, tail, now_ms, soft_ms, hard_ms) -> entry, hard_ms_of(entry), tag_of(entry)
-- The layout is that of runtime/src/entry.rs: 4 bytes of head, the check of the instants, the
-- instants of creation, soft and hard expiry (0: none), then the tail that the client made.

-- A prime below 2^32: no flip of a single bit of an instant keeps the sum.
local TIMES_MODULUS = 4294967291

local function stamp(head, tail, now_ms, soft_ms, hard_ms)
  local soft_at = soft_ms > 0 and now_ms + soft_ms or 0
  local hard_at = hard_ms > 0 and now_ms + hard_ms or 0
  local check = (now_ms * 3 + soft_at * 5 + hard_at * 7) % TIMES_MODULUS
  return head .. struct.pack('<I4I8I8I8', check, now_ms, soft_at, hard_at) .. tail
end

local function hard_ms_of(entry)
  if #entry < 64 then return 0 end
  return (struct.unpack('<I8', entry, 25))
end

local function tag_of(entry)
  if #entry < 64 then return '' end
  return string.sub(entry, 41, 48)
end
