-- lua/shared/rank_new.lua
-- needs: RANKING, VALUES, admit_all, evict
-- gives: rank_new(fields, excess, maxsize, now_us) -> how many entries were evicted
-- Makes room for fields whose values are stored, and ranks them. A user's policy may fail: then nothing
-- is left without a rank.
local function evict_and_admit(fields, excess, maxsize, now_us)
  local evicted = evict(excess)
  if #fields > 0 then admit_all(fields, now_us) end
  return evicted + evict(#fields - maxsize)
end

local function rank_new(fields, excess, maxsize, now_us)
  local done, evicted = pcall(evict_and_admit, fields, excess, maxsize, now_us)
  if done then return evicted end
  if #fields > 0 then
    redis.call('HDEL', VALUES, unpack(fields))
    redis.call('ZREM', RANKING, unpack(fields))
  end
  error(evicted, 0)
end
