-- lua/shared/stamp.lua
-- needs: clock
-- gives: stamp(args, n)
-- For puts that do not know the server's clock: args[2] becomes the instant in microseconds, and
-- each entry, which carries lives where its soft and hard expiry belong (0: none), gets its
-- instants, and their check with that of its epoch and its clock of tags. The layout is that of
-- runtime/src/entry/header.rs.

-- A prime below 2^32: no flip of a single bit keeps the sum.
local STAMP_MODULUS = 4294967291

local function stamp(args, n)
  local now_us = clock(0)
  local now_ms = math.floor(now_us / 1000)
  args[2] = string.format('%.0f', now_us)
  for at = 4, 2 * n + 2, 2 do
    local entry = args[at]
    local soft, hard, low, high, began = struct.unpack('<I8I8I4I4I8', entry, 17)
    if soft > 0 then soft = now_ms + soft end
    if hard > 0 then hard = now_ms + hard end
    local check = now_ms * 3 + soft * 5 + hard * 7 + low * 11 + high * 13 + began * 17
    local instants = struct.pack('<I4I8I8I8', check % STAMP_MODULUS, now_ms, soft, hard)
    args[at] = string.sub(entry, 1, 4) .. instants .. string.sub(entry, 33)
  end
end
