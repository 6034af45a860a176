-- lua/shared/entry.lua
-- gives: is_alive(entry, now_ms), HEADER, SKEW_MS
-- The layout is that of runtime/src/entry/header.rs.

-- What was stamped later than now was stamped before the server's clock was set back: its age is
-- unknown, so it has expired. After a failover a clock may be late by as much as SKEW_MS.
local HEADER, SKEW_MS = 80, 100

-- What else is wrong with an entry, the client finds.
local function is_alive(entry, now_ms)
  if #entry < HEADER then return true end
  local created_ms, _, hard_ms = struct.unpack('<I8I8I8', entry, 9)
  return created_ms <= now_ms + SKEW_MS and (hard_ms == 0 or hard_ms > now_ms)
end
