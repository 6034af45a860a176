-- lua/policy/rr.lua
-- needs: RANKING, rank
-- gives: admit_all, hit, victims, OVERWRITE_IS_HIT, HIT_SCORE
-- Random replacement, uniform.
local OVERWRITE_IS_HIT = false
local HIT_SCORE = false

local function admit_all(fields, now_us)
  rank(fields, '0', 0)
end

local function hit(field, now_us, n)
  -- every entry is as likely a victim as any other
end

local function victims(n)
  local fields = redis.call('ZRANDMEMBER', RANKING, n)
  if #fields > 0 then redis.call('ZREM', RANKING, unpack(fields)) end
  return fields
end
