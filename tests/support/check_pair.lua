-- Looks for damage in one pair, without writing.
-- KEYS: ranking, values
-- Returns one line for each fault, none for a sound pair.
local ranking, values = KEYS[1], KEYS[2]
local SHOWN = 3
local EXACT = 2 ^ 53
local EXPIRY_SKEW_MS = 5

local faults = {}
local counts = {}

local function fault(rule, detail)
  counts[rule] = (counts[rule] or 0) + 1
  if counts[rule] <= SHOWN then
    faults[#faults + 1] = rule .. ': ' .. detail
  elseif counts[rule] == SHOWN + 1 then
    faults[#faults + 1] = rule .. ': and more'
  end
end

-- Fields are bytes; an error message should stay readable.
local function readable(field)
  return (string.gsub(field, '[^%w%p ]', function(c)
    return string.format('\\x%02x', string.byte(c))
  end))
end

local function type_is(key, wanted)
  local found = redis.call('TYPE', key).ok
  if found ~= wanted and found ~= 'none' then
    fault('type', readable(key) .. ' is a ' .. found .. ', not a ' .. wanted)
  end
  return found ~= 'none'
end

local function check_alone(key)
  -- The other half may have expired a moment before.
  local ttl_ms = redis.call('PTTL', key)
  if ttl_ms < 0 or ttl_ms > EXPIRY_SKEW_MS then
    fault('half a pair', 'only ' .. readable(key) .. ' exists')
  end
end

local function check_expiry()
  local ranking_ms, values_ms = redis.call('PTTL', ranking), redis.call('PTTL', values)
  local one_stays = (ranking_ms < 0) ~= (values_ms < 0)
  if one_stays or math.abs(ranking_ms - values_ms) > EXPIRY_SKEW_MS then
    fault('expiry', 'ranking in ' .. ranking_ms .. ' ms, values in ' .. values_ms .. ' ms')
  end
end

local function check_members()
  local members = redis.call('ZRANGE', ranking, 0, -1, 'WITHSCORES')
  for i = 1, #members, 2 do
    local member, score = members[i], tonumber(members[i + 1])
    if redis.call('HEXISTS', values, member) == 0 then
      fault('member without value', readable(member))
    end
    -- False for NaN as well.
    if not (score and score < EXACT and score > -EXACT) then
      fault('score', readable(member) .. ' has ' .. members[i + 1])
    end
  end
end

local function check_fields()
  for _, field in ipairs(redis.call('HKEYS', values)) do
    if not redis.call('ZSCORE', ranking, field) then
      fault('value without member', readable(field))
    end
  end
end

local has_ranking = type_is(ranking, 'zset')
local has_values = type_is(values, 'hash')
if #faults > 0 then
  return faults
end
if has_ranking and has_values then
  check_expiry()
  check_members()
  check_fields()
elseif has_ranking then
  check_alone(ranking)
elseif has_values then
  check_alone(values)
end
return faults
