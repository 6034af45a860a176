-- Makes what is stored look as if it had been written under a clock that was ahead.
-- KEYS: ranking, values, leases; ARGV: milliseconds, '1' if scores are instants
-- A field is 20 bytes; other names among the leases are states of methods.
local ahead_ms = tonumber(ARGV[1])
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  local entry = redis.call('HGET', KEYS[2], field)
  local created, soft, hard, low, high = struct.unpack('<I8I8I8I4I4', entry, 9)
  created = created + ahead_ms
  if soft > 0 then soft = soft + ahead_ms end
  if hard > 0 then hard = hard + ahead_ms end
  local check = (created * 3 + soft * 5 + hard * 7 + low * 11 + high * 13) % 4294967291
  local times = struct.pack('<I4I8I8I8', check, created, soft, hard)
  redis.call('HSET', KEYS[2], field, string.sub(entry, 1, 4) .. times .. string.sub(entry, 33))
  if ARGV[2] == '1' then redis.call('ZINCRBY', KEYS[1], ahead_ms * 1000, field) end
end
for _, name in ipairs(redis.call('HKEYS', KEYS[3])) do
  if #name == 20 then
    local lease = redis.call('HGET', KEYS[3], name)
    local deadline = struct.unpack('<I8', lease) + ahead_ms
    redis.call('HSET', KEYS[3], name, struct.pack('<I8', deadline) .. string.sub(lease, 9))
  end
end
