-- The policies for one_by_one.lua, each under its name.
-- fifo
local OVERWRITE_IS_HIT = false
local HIT_SCORE = false
local function admit(field, now_us)
  redis.call('ZADD', RANKING, above_all(), field)
end
local function hit(field, now_us, n)
end
local function victims(n)
  return pop('ZPOPMIN', n)
end
-- fifo_t
local OVERWRITE_IS_HIT = false
local HIT_SCORE = false
local function admit(field, now_us)
  redis.call('ZADD', RANKING, newest(now_us), field)
end
local function hit(field, now_us, n)
end
local function victims(n)
  return pop('ZPOPMIN', n)
end
-- lru
local OVERWRITE_IS_HIT = true
local HIT_SCORE = 'above'
local function admit(field, now_us)
  redis.call('ZADD', RANKING, above_all(), field)
end
local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', above_all(), field)
end
local function victims(n)
  return pop('ZPOPMIN', n)
end
-- lru_t
local OVERWRITE_IS_HIT = true
local HIT_SCORE = 'instant'
local function admit(field, now_us)
  redis.call('ZADD', RANKING, newest(now_us), field)
end
local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', 'GT', now_us, field)
end
local function victims(n)
  return pop('ZPOPMIN', n)
end
-- mru
local OVERWRITE_IS_HIT = true
local HIT_SCORE = 'above'
local function admit(field, now_us)
  redis.call('ZADD', RANKING, above_all(), field)
end
local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', above_all(), field)
end
local function victims(n)
  return pop('ZPOPMAX', n)
end
-- lfu
local OVERWRITE_IS_HIT = false
local HIT_SCORE = false
local function admit(field, now_us)
  redis.call('ZADD', RANKING, 1, field)
end
local function hit(field, now_us, n)
  redis.call('ZADD', RANKING, 'XX', 'INCR', n, field)
end
local function victims(n)
  return pop('ZPOPMIN', n)
end
-- rr
local OVERWRITE_IS_HIT = false
local HIT_SCORE = false
local function admit(field, now_us)
  redis.call('ZADD', RANKING, 0, field)
end
local function hit(field, now_us, n)
end
local function victims(n)
  local fields = redis.call('ZRANDMEMBER', RANKING, n)
  if #fields > 0 then redis.call('ZREM', RANKING, unpack(fields)) end
  return fields
end
-- custom
local OVERWRITE_IS_HIT = false
local HIT_SCORE = false
local function admit(field, now_us)
redis.call('ZADD', RANKING, newest(now_us), field)
end
local function hit(field, now_us, n)
end
local function victims(n)
return pop('ZPOPMIN', n)
end
