-- lua/shared/forget_tags.lua
-- needs: LEASES, TAG
-- gives: forget_tags(until_now) -> how many stamps there were that are not later than this clock
-- The clock then has to say that what began before this counts as invalidated.
local function forget_tags(until_now)
  local cursor, forgotten = '0', 0
  repeat
    local page = redis.call('HSCAN', LEASES, cursor, 'MATCH', TAG .. '*', 'COUNT', 1000)
    cursor = page[1]
    for i = 1, #page[2], 2 do
      local name, stamp = page[2][i], page[2][i + 1]
      if #name == 9 and math.max(struct.unpack('<I8I8', stamp)) <= until_now then
        forgotten = forgotten + redis.call('HDEL', LEASES, name)
      end
    end
  until cursor == '0'
  return forgotten
end
