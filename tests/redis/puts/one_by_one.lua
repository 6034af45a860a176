-- The put as it was before puts were joined: one entry for each script. tests/redis/puts/differential.rs compares
-- the script of today with it, where one put is all that it is given. POLICY is replaced by a policy.
local RANKING, VALUES, LEASES = KEYS[1], KEYS[2], KEYS[3]
local function clock(forced_us)
  local forced = tonumber(forced_us)
  if forced > 0 then return forced end
  local now = redis.call('TIME')
  return now[1] * 1000000 + now[2]
end
local TIMES_MODULUS = 4294967291
local function stamp(head, tail, now_ms, soft_ms, hard_ms)
  local soft_at = soft_ms > 0 and now_ms + soft_ms or 0
  local hard_at = hard_ms > 0 and now_ms + hard_ms or 0
  local low, high, began = struct.unpack('<I4I4I8', tail)
  local check = (now_ms * 3 + soft_at * 5 + hard_at * 7 + low * 11 + high * 13 + began * 17) % TIMES_MODULUS
  return head .. struct.pack('<I4I8I8I8', check, now_ms, soft_at, hard_at) .. tail
end
local SKEW_MS = 100
local function is_alive(entry, now_ms)
  if #entry < 80 then return true end
  local created_ms, _, hard_ms = struct.unpack('<I8I8I8', entry, 9)
  return created_ms <= now_ms + SKEW_MS and (hard_ms == 0 or hard_ms > now_ms)
end
local function keep_alive(structure_ms, sliding, entry_ms)
  if structure_ms == 0 then return end
  local left_ms, ranking_ends = redis.call('PTTL', VALUES), redis.call('PTTL', RANKING) ~= -1
  local wanted_ms = left_ms
  if left_ms < 0 or (sliding and structure_ms * 0.99 > left_ms) then wanted_ms = structure_ms end
  if entry_ms > wanted_ms then wanted_ms = entry_ms end
  if wanted_ms == left_ms and ranking_ends then return end
  redis.call('PEXPIRE', RANKING, wanted_ms)
  redis.call('PEXPIRE', VALUES, wanted_ms)
end
local function above_all()
  local top = redis.call('ZRANGE', RANKING, -1, -1, 'WITHSCORES')
  return top[2] and tonumber(top[2]) + 1 or 1
end
local function newest(now_us)
  return math.max(now_us, above_all())
end
local function pop(command, n)
  local popped, fields = redis.call(command, RANKING, n), {}
  for i = 1, #popped, 2 do fields[#fields + 1] = popped[i] end
  return fields
end
-- POLICY
local function epoch_of(method)
  local state = redis.call('HGET', LEASES, 'm' .. method)
  return state and string.sub(state, 1, 8)
end
local function is_current(entry)
  if #entry < 80 then return true end
  return string.sub(entry, 33, 40) == epoch_of(string.sub(entry, 57, 64))
end
local NO_HOLDER, LONGEST_PAUSE_MS = string.rep('\0', 16), 30000
local function lease_of(field)
  local lease = redis.call('HGET', LEASES, field)
  if not lease or #lease ~= 41 then return 0, '', false end
  if epoch_of(string.sub(lease, 34)) ~= string.sub(lease, 26, 33) then return 0, '', false end
  local deadline_ms, awaited = struct.unpack('<I8', lease), string.byte(lease, 25) == 1
  return deadline_ms, string.sub(lease, 9, 24), awaited, string.sub(lease, 26)
end
local function set_lease(field, deadline_ms, token, awaited, began)
  local flag = string.char(awaited and 1 or 0)
  redis.call('HSET', LEASES, field, struct.pack('<I8', deadline_ms) .. token .. flag .. began)
end
local function end_lease(field)
  local lease = redis.call('HGET', LEASES, field)
  if not lease then return end
  redis.call('HDEL', LEASES, field)
  if string.byte(lease, 25) == 1 then redis.pcall('PUBLISH', LEASES, field) end
end
local function touch(args, first)
  if not HIT_SCORE then
    for i = first, #args, 3 do hit(args[i], tonumber(args[i + 1]), tonumber(args[i + 2])) end
    return
  end
  local above = HIT_SCORE == 'above' and #args >= first and above_all()
  for batch = first, #args, 1500 do
    local scored = {}
    for i = batch, math.min(batch + 1499, #args), 3 do
      scored[#scored + 1] = above or args[i + 1]
      scored[#scored + 1] = args[i]
      if above then above = above + 1 end
    end
    redis.call('ZADD', RANKING, 'XX', 'GT', unpack(scored))
  end
end
local HEAL_BATCH = 16
local function heal(field)
  local ranked = redis.call('ZSCORE', RANKING, field)
  local valued = redis.call('HEXISTS', VALUES, field) == 1
  local members, values = redis.call('ZCARD', RANKING), redis.call('HLEN', VALUES)
  if members == 0 and values > 0 then
    redis.call('UNLINK', VALUES)
    return false, 0
  end
  if values == 0 and members > 0 then
    redis.call('UNLINK', RANKING)
    return false, 0
  end
  if ranked and not valued then members = members - redis.call('ZREM', RANKING, field) end
  if valued and not ranked then values = values - redis.call('HDEL', VALUES, field) end
  if values > members then
    for _, orphan in ipairs(redis.call('HRANDFIELD', VALUES, HEAL_BATCH)) do
      if not redis.call('ZSCORE', RANKING, orphan) then redis.call('HDEL', VALUES, orphan) end
    end
  end
  return ranked and valued, members
end
local SWEEP_SAMPLE, SWEEP_BYTES = 8, 16384
local function sweep(now_ms)
  local dead = {}
  for _, field in ipairs(redis.call('ZRANDMEMBER', RANKING, SWEEP_SAMPLE)) do
    local size = redis.call('HSTRLEN', VALUES, field)
    local is_dead = size == 0
    if size > 0 and size <= SWEEP_BYTES then
      local entry = redis.call('HGET', VALUES, field)
      is_dead = not (is_alive(entry, now_ms) and is_current(entry))
    end
    if is_dead then dead[#dead + 1] = field end
  end
  if #dead == 0 then return 0 end
  redis.call('HDEL', VALUES, unpack(dead))
  return redis.call('ZREM', RANKING, unpack(dead))
end
local EVICT_BATCH = 1000
local function evict(excess)
  local evicted = 0
  while evicted < excess do
    local fields = victims(math.min(excess - evicted, EVICT_BATCH))
    if #fields == 0 then break end
    redis.call('HDEL', VALUES, unpack(fields))
    evicted = evicted + #fields
  end
  return evicted
end
local field, now_us = ARGV[1], clock(ARGV[2])
local structure_ms, sliding, maxsize = tonumber(ARGV[3]), ARGV[4] == '1', tonumber(ARGV[5])
local soft_ms, hard_ms, field_ttl = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1'
local sweeps, head, tail, token = ARGV[9] == '1', ARGV[10], ARGV[11], ARGV[12]
local now_ms, evicted, swept = math.floor(now_us / 1000), 0, sweeps and -1 or 0
local _, holder = lease_of(field)
local whole, size = heal(field)
touch(ARGV, 13)
if token ~= '' and token ~= holder then
  if holder == '' then end_lease(field) end
  return -1
end
if whole and size > maxsize then
  redis.call('HDEL', VALUES, field)
  size = size - redis.call('ZREM', RANKING, field)
  whole = false
end
if whole then
  if OVERWRITE_IS_HIT then (HIT_SCORE and admit or hit)(field, now_us, 1) end
else
  if size >= maxsize and sweeps then swept = sweep(now_ms) end
  evicted = evict(size - math.max(swept, 0) - maxsize + 1)
  admit(field, now_us)
end
redis.call('HSET', VALUES, field, stamp(head, tail, now_ms, soft_ms, hard_ms))
if field_ttl and hard_ms > 0 then redis.pcall('HPEXPIRE', VALUES, hard_ms, 'FIELDS', 1, field) end
keep_alive(structure_ms, sliding, hard_ms)
end_lease(field)
return {evicted, swept}
